/**
 * The file that a program is started by. It loads `<name>.main.js` beside it from what V8 made of it before: compiling is a third of a short command's
 * time. Whatever is wrong with that costs no more than the time.
 */
import * as nodeModule from 'node:module';
import { basename, join } from 'node:path';
import { compiledFolder, compiledName, sweep } from './compiled-folder.js';
import { ProgramFiles } from './program-files.js';

const { createRequire } = nodeModule;
/** Since Node 22.1, and then for other packages too. */
const { enableCompileCache, flushCompileCache } = nodeModule as { enableCompileCache?: (folder: string) => unknown; flushCompileCache?: () => void };
/** A program that goes on for that long is not waited for to end. */
const SETTLED = 30_000;

const program = load(join(__dirname, `${basename(__filename, '.js')}.main.js`));
if (require.main === module) start();

/** Starts a program that is not at work by being loaded. */
export function start(): void {
  if (isStartable(program)) program.start();
}

function isStartable(value: unknown): value is { start(): unknown } {
  return typeof value === 'object' && value !== null && 'start' in value && typeof value.start === 'function';
}

function load(file: string): unknown {
  const native = createRequire(__filename);
  // Node's own switches. What it measures of the use of functions is wrong for those that were not compiled.
  const off = process.env['NODE_DISABLE_COMPILE_CACHE'] !== undefined || process.env['NODE_V8_COVERAGE'] !== undefined;
  const folder = off ? undefined : compiledFolder(__dirname, process.env);
  if (folder === undefined) return native(file);
  if (enableCompileCache !== undefined) {
    enableCompileCache(folder);
    whenSettled(() => { flushCompileCache?.(); sweep(folder); });
    return native(file);
  }
  const name = compiledName(file, process.argv.slice(2));
  if (name === undefined) return native(file);
  const files = new ProgramFiles(file, join(folder, name), native);
  whenSettled(() => { files.keep(Math.min(Math.round(process.uptime() * 1_000), SETTLED)); sweep(folder); });
  return files.start();
}

/** After the work: when the program ends well, or when it has been at work for a while. */
function whenSettled(act: () => void): void {
  const quietly = (): void => {
    try {
      act();
    } catch {
      // A full disk, say.
    }
  };
  setTimeout(quietly, SETTLED).unref();
  process.once('exit', (code) => { if (code === 0) quietly(); });
}
