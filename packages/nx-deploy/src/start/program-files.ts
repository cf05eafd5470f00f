/** Loads a program's files as `require` does, from what V8 made of them before. Only for Node before 22.1, which cannot do so by itself. */
import { readFileSync, existsSync } from 'node:fs';
import { Module } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { Script } from 'node:vm';
import { dataOf, part, readCompiled, writeCompiled, type Compiled, type Part } from './compiled-code.js';

/** What Node puts around a file of CommonJS. */
const [BEFORE, AFTER] = ['(function (exports, require, module, __filename, __dirname) { ', '\n})'] as const;

/** It has done more by then: functions that V8 compiles when they are called first. */
const [TIMES_LONGER, MS_LONGER] = [1.5, 1_000] as const;

/** What is used of it. */
type Requires = ((id: string) => unknown) & Pick<NodeJS.Require, 'resolve' | 'main' | 'cache'>;
type Wrapped = (exports: unknown, require: Requires, module: Module, file: string, folder: string) => void;

interface Loaded {
  readonly source: Buffer;
  readonly script: Script;
  /** What it was made from; undefined when it was compiled. */
  readonly from: Part | undefined;
}

export class ProgramFiles {
  private readonly modules = new Map<string, Module>();
  private readonly loaded = new Map<string, Loaded>();
  private readonly compiled: Compiled;

  /** `native` loads what does not lie beside `program`; what V8 made is in the file `kept`. */
  constructor(private readonly program: string, private readonly kept: string, private readonly native: NodeJS.Require) {
    this.compiled = readCompiled(kept);
  }

  /** What the program exports. */
  start(): unknown {
    return this.load(this.program).exports;
  }

  /**
   * Keeps what V8 has by now, unless all of it is kept already: by a program that had been at work for about as long (ms), or longer.
   * @throws a system error
   */
  keep(after: number): void {
    const more = after > this.compiled.after * TIMES_LONGER + MS_LONGER;
    if (!more && [...this.loaded.values()].every(({ from }) => from !== undefined)) return;
    // What was not wanted this time may be the next, unless its file was replaced.
    const others = [...this.compiled.parts].filter(([name]) => !this.loaded.has(name) && existsSync(join(dirname(this.program), name)));
    const used = [...this.loaded].map(([name, { source, script, from }]): [string, Part] => [name, more || from === undefined ? part(source, script.createCachedData()) : from]);
    writeCompiled(this.kept, { parts: new Map([...used, ...others]), after: Math.max(after, this.compiled.after) });
  }

  private load(file: string): Module {
    const known = this.modules.get(file);
    if (known !== undefined) return known;
    const module = new Module(file);
    module.filename = file;
    this.modules.set(file, module);
    try {
      this.compile(file).call(module.exports, module.exports, this.require(file), module, file, dirname(file));
      module.loaded = true;
      return module;
    } catch (error) {
      this.modules.delete(file);
      throw error;
    }
  }

  private compile(file: string): Wrapped {
    const source = readFileSync(file);
    const name = basename(file);
    const found = this.compiled.parts.get(name);
    const cachedData = dataOf(found, source);
    const script = new Script(`${BEFORE}${source.toString('utf8')}${AFTER}`, { filename: file, columnOffset: -BEFORE.length, ...(cachedData === undefined ? {} : { cachedData }) });
    this.loaded.set(name, { source, script, from: cachedData === undefined || script.cachedDataRejected === true ? undefined : found });
    return script.runInThisContext() as Wrapped;
  }

  /** All files of a program lie in one folder. */
  private require(file: string): Requires {
    const { native } = this;
    const own = (id: string): unknown => (id.startsWith('./') ? this.load(join(dirname(file), id)).exports : native(id));
    return Object.assign(own, { resolve: native.resolve, main: native.main, cache: native.cache });
  }
}
