import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { join } from 'node:path';
import { bundleFile, node, temporaryFolder } from '../shell/programs.spec-support.js';

const root = temporaryFolder('start');
const starter = bundleFile('start/start.ts', join(root, 'start.js'));
const byNode = 'enableCompileCache' in nodeModule;
let count = 0;

/** A program of two files with a home of its own. */
class Place {
  readonly folder = join(root, `place-${count += 1}`);
  readonly home = join(this.folder, 'home');
  readonly program = join(this.folder, 'tool.js');

  constructor() {
    mkdirSync(this.home, { recursive: true, mode: 0o700 });
    copyFileSync(starter, this.program);
    this.write('part.js', 'exports.add = (a, b) => a + b;');
    this.write('tool.main.js', `
      const { add } = require('./part.js');
      const late = () => require('./late.js').word;
      exports.start = () => {
        const [command] = process.argv.slice(2);
        if (command === 'late') console.log(late());
        if (command === 'busy') for (const end = performance.now() + Number(process.env.BUSY ?? 0); performance.now() < end;);
        if (command === 'fail') process.exitCode = 2;
        console.log(add(1, 2), require.main.filename === ${JSON.stringify(this.program)}, require.main !== module, __filename === module.filename, require('path') === require('node:path'));
      };
    `);
    this.write('late.js', "exports.word = 'late';");
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.folder, name), text);
  }

  run(argv: readonly string[] = ['work'], { flags = [], env = {} }: { readonly flags?: readonly string[]; readonly env?: Readonly<Record<string, string>> } = {}): string {
    return execFileSync(process.execPath, [...flags, this.program, ...argv], { env: { NX_DEPLOY_HOME: this.home, ...env }, encoding: 'utf8' });
  }

  /** Files below the folder, without the mark of the sweep. */
  kept(): readonly string[] {
    const folder = join(this.home, 'compiled');
    return existsSync(folder) ? readdirSync(folder).filter((name) => name !== 'swept').map((name) => join(folder, name)) : [];
  }

  /** Of the only file: another one when it was written again. */
  inode(): number {
    expect(this.kept()).toHaveLength(1);
    return statSync(this.kept()[0] ?? '').ino;
  }
}

const RIGHT = '3 true true true true\n';

test('cold and warm a program does the same, and finds what it is used to', () => {
  const place = new Place();
  expect([place.run(), place.run(), place.run()]).toEqual([RIGHT, RIGHT, RIGHT]);
  expect(place.kept()).toHaveLength(1);
  expect(readdirSync(place.folder).sort()).toEqual(['home', 'late.js', 'part.js', 'tool.js', 'tool.main.js']);
});

test.each([
  ['a home that cannot be written', (place: Place) => { writeFileSync(join(place.home, 'compiled'), ''); }, {}],
  ['no home', () => undefined, { NX_DEPLOY_HOME: '/nowhere/at/all' }],
  ['a home that is no path', () => undefined, { NX_DEPLOY_HOME: 'here' }],
  ['the switch of Node', () => undefined, { NODE_DISABLE_COMPILE_CACHE: '1' }],
])('%s costs nothing but time', (_, prepare, env) => {
  const place = new Place();
  prepare(place);
  const before = readdirSync(place.home);
  expect(place.run(['work'], { env })).toBe(RIGHT);
  expect(readdirSync(place.home)).toEqual(before);
});

test('a program that another loads does not start by itself', () => {
  const place = new Place();
  const load = (then: string): string => execFileSync(process.execPath, ['-e', `const tool = require(${JSON.stringify(place.program)}); ${then}`, 'work'], { env: { NX_DEPLOY_HOME: place.home }, encoding: 'utf8' });
  expect(load('')).toBe('');
  place.write('tool.main.js', "exports.start = () => console.log('up')");
  expect(load('tool.start()')).toBe('up\n');
});

test('a program without a start is at work once it is loaded', () => {
  const place = new Place();
  place.write('tool.main.js', "console.log('up')");
  expect([place.run(), place.run()]).toEqual(['up\n', 'up\n']);
});

test('the stack of an error names file, line and column', () => {
  const place = new Place();
  place.write('tool.main.js', "'use strict';exports.start = () => {throw new Error('no')};");
  const trace = (): string => spawnSync(process.execPath, [place.program, 'work'], { env: { NX_DEPLOY_HOME: place.home }, encoding: 'utf8' }).stderr;
  expect(trace()).toContain(`${join(place.folder, 'tool.main.js')}:1:${"'use strict';exports.start = () => {throw ".length + 1}`);
  expect(trace()).toMatch(/Error: no\n/);
});

(byNode ? describe.skip : describe)('before Node can do so by itself', () => {
  it('writes once, and then only what is new', () => {
    const place = new Place();
    place.run();
    const first = place.inode();
    place.run();
    expect(place.inode()).toBe(first);
  });

  it('writes again after a run that did more, and not after one that did less', () => {
    const place = new Place();
    const run = (busy: number): number => {
      expect(place.run(['busy'], { env: { BUSY: String(busy) } })).toBe(RIGHT);
      return place.inode();
    };
    const short = run(0);
    const long = run(3_000);
    expect(long).not.toBe(short);
    expect(run(0)).toBe(long);
  });

  it('has a file for each command, with what it needed by then', () => {
    const place = new Place();
    place.run(['late']);
    place.run(['work']);
    const names = (command: string): unknown => {
      const [line = ''] = readFileSync(place.kept().find((path) => path.includes(`tool.${command}.`)) ?? '', 'latin1').split('\n');
      return (JSON.parse(line) as { lines: { name: string }[] }).lines.map(({ name }) => name);
    };
    expect([names('late'), names('work')]).toEqual([['tool.main.js', 'part.js', 'late.js'], ['tool.main.js', 'part.js']]);
  });

  it('compiles what has changed, though it be as long, and keeps the rest', () => {
    const place = new Place();
    place.run();
    const first = place.inode();
    place.write('part.js', 'exports.add = (a, b) => a - b;');
    expect(place.run()).toBe(RIGHT.replace('3', '-1'));
    const second = place.inode();
    expect(second).not.toBe(first);
    expect(place.run()).toBe(RIGHT.replace('3', '-1'));
    expect(place.inode()).toBe(second);
  });

  it.each([
    ['is cut off', (content: Buffer) => content.subarray(0, content.length >> 1)],
    ['has zeros where data was', (content: Buffer) => Buffer.concat([content.subarray(0, -600), Buffer.alloc(600)])],
    ['is empty', () => Buffer.alloc(0)],
    ['is another', () => Buffer.from('{}\n')],
  ])('makes a file that %s once more', (_, damage) => {
    const place = new Place();
    place.run();
    const first = place.inode();
    const [file = ''] = place.kept();
    writeFileSync(file, damage(readFileSync(file)));
    expect(place.run()).toBe(RIGHT);
    const second = place.inode();
    expect(second).not.toBe(first);
    expect(place.run()).toBe(RIGHT);
    expect(place.inode()).toBe(second);
  });

  it('makes once more what another V8 made, and what this one made with other flags', () => {
    const place = new Place();
    place.run();
    const first = place.inode();
    expect(place.run(['work'], { flags: ['--no-opt'] })).toBe(RIGHT);
    const second = place.inode();
    expect(second).not.toBe(first);
    expect(place.run(['work'], { flags: ['--no-opt'] })).toBe(RIGHT);
    expect(place.inode()).toBe(second);
  });

  it('keeps nothing of a command that failed, and needs nothing for an option alone', () => {
    const place = new Place();
    expect(spawnSync(process.execPath, [place.program, 'fail'], { env: { NX_DEPLOY_HOME: place.home } }).status).toBe(2);
    expect(place.run(['--version'])).toBe(RIGHT);
    expect(place.kept()).toEqual([]);
  });

  it('serves several that start at once', async () => {
    const place = new Place();
    const outputs = await Promise.all(Array.from({ length: 6 }, () => node([place.program, 'work'], { NX_DEPLOY_HOME: place.home }).output));
    expect(outputs).toEqual(Array.from({ length: 6 }, () => RIGHT));
    const first = place.inode();
    expect(place.run()).toBe(RIGHT);
    expect(place.inode()).toBe(first);
  });
});
