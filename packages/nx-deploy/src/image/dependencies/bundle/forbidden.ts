/** What cannot run out of one file. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { quoted } from '../../../archive/manifest.js';
import { FILES_AT_ONCE, mapLimited } from '../../../archive/parallel.js';
import { DeployError } from '../../../errors.js';
import { packageOf } from '../packages.js';
import { isDynamic, type Message, type Metafile } from './esbuild.js';

/** They look for a compiled addon beside themselves. */
const ADDON_LOADERS = new Set(['bindings', 'node-gyp-build', 'node-gyp-build-optional-packages', 'prebuild-install', 'node-pre-gyp', '@mapbox/node-pre-gyp', 'node-bindings']);
/** They start a file of theirs as a thread. */
const THREADS = new Map([['thread-stream', 'the transports of pino run in it'], ['piscina', 'it starts a file of the service'], ['workerpool', 'it starts a file of the service'], ['jest-worker', 'it starts a file of the service'], ['tinypool', 'it starts a file of the service']]);
const WORKER = /\bnew\s+(?:[\w$]+\.)*Worker\s*\(/;
const FORKS = /\bfork\s*\(\s*(?:__dirname|require\.resolve|[\w$.]*join\s*\(|new URL)/;
const PROBLEMS_SHOWN = 40;

/** Everything that stands against one file, one line each. Paths in the metafile are relative to `root`. */
export async function forbidden(root: string, meta: Metafile | undefined, messages: readonly Message[]): Promise<readonly string[]> {
  const problems = new Set<string>();
  for (const message of messages) {
    const place = `${message.file === undefined ? '' : where(message.file)}${message.line === undefined ? '' : ` line ${message.line}`}`;
    if (message.kind === 'error') problems.add(`${place}: ${message.text}`);
    else if (isDynamic(message)) problems.add(`${place}: it loads a module whose name is only known when it runs`);
  }
  const inputs = Object.entries(meta?.inputs ?? {});
  for (const [path] of inputs) {
    const name = packageOf(path)?.name;
    if (path.endsWith('.node')) problems.add(`${where(path)}: it is a native addon`);
    else if (name !== undefined && ADDON_LOADERS.has(name)) problems.add(`package ${quoted(name)}: it loads native addons`);
    else if (name !== undefined && THREADS.has(name)) problems.add(`package ${quoted(name)}: it starts worker threads from files; ${THREADS.get(name) ?? ''}`);
  }
  await mapLimited(inputs, FILES_AT_ONCE, async ([path, { imports }]) => {
    const starter = (module: string): boolean => imports.some((one) => one.external === true && one.path.replace(/^node:/, '') === module);
    if (!starter('worker_threads') && !starter('child_process')) return;
    const name = packageOf(path)?.name;
    if (name !== undefined && THREADS.has(name)) return;
    const text = await readFile(join(root, path), 'utf8');
    if (starter('worker_threads') && WORKER.test(text)) problems.add(`${where(path)}: it starts worker threads from files`);
    if (starter('child_process') && FORKS.test(text)) problems.add(`${where(path)}: it starts another file as a process`);
  });
  return [...problems].sort();
}

/** File, with its package where it has one. */
function where(path: string): string {
  const name = packageOf(path)?.name;
  return `${name === undefined ? '' : `package ${quoted(name)}, `}${quoted(path)}`;
}

export function forbiddenError(problems: readonly string[], entry: string): DeployError {
  const more = problems.length - PROBLEMS_SHOWN;
  return new DeployError('ND-BUNDLE-FORBIDDEN', {
    what: 'the service cannot become one file', where: entry,
    problems: more > 0 ? [...problems.slice(0, PROBLEMS_SHOWN), `and ${more} more`] : problems,
    next: 'take artifact.bundle out of deploy.json and write "dependencies": "traced" or "installed" instead: both keep packages as they are',
  });
}
