/** esbuild as a program: found in the workspace, its argv, and what it says. */
import { open, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DeployError } from '../../../errors.js';
import { baseEnvironment } from '../../../shell/environment.js';
import { run } from '../../../shell/run.js';
import type { BuildSite } from '../../builder.js';

export type Format = 'cjs' | 'esm';

export interface BundleRequest {
  /** Absolute. */
  readonly entry: string;
  readonly format: Format;
  readonly outfile: string;
  readonly metafile: string;
  /** Stands in for the variables that a CommonJS module has and an ES module does not; only of `esm`. */
  readonly shim: string;
}

/** Of the file that esbuild writes beside the bundle (https://esbuild.github.io/api/#metafile). */
export interface Metafile {
  readonly inputs: Readonly<Record<string, { readonly imports: readonly { readonly path: string; readonly kind: string; readonly external?: boolean }[] }>>;
}

/** A line of it, with the place it is about. */
export interface Message {
  readonly kind: 'error' | 'warning';
  readonly text: string;
  /** `[unsupported-require-call]` without its brackets. */
  readonly id?: string;
  /** Relative to the workspace. */
  readonly file?: string;
  readonly line?: number;
}

/** The oldest Node that nx-deploy itself supports; a newer one runs the same file. */
const TARGET = 'node20';
const TIMEOUT_MS = 5 * 60 * 1_000;
/** Told of modules in node_modules only when they are asked for. */
const DYNAMIC = ['unsupported-require-call', 'unsupported-dynamic-import', 'indirect-require'] as const;
/** ES modules have no `require`, and what is bundled into one may need it for modules of Node itself. Where the code has a `require` of its own, esbuild renames that. */
const BANNER = 'import { createRequire as __nxDeployRequire } from \'node:module\'; const require = __nxDeployRequire(import.meta.url);';
/** Replaces the two where the code does not declare them itself. */
export const SHIM = 'import { fileURLToPath } from \'node:url\';\nimport { dirname } from \'node:path\';\nexport const __filename = fileURLToPath(import.meta.url);\nexport const __dirname = dirname(__filename);\n';

/** The arguments behind the program's name. Paths in the output are relative to the folder that it runs in. */
export function bundleArguments({ entry, format, outfile, metafile, shim }: BundleRequest): string[] {
  return [
    entry, '--bundle', '--platform=node', `--format=${format}`, `--target=${TARGET}`, `--outfile=${outfile}`, `--metafile=${metafile}`,
    '--sourcemap=linked', '--sources-content=false', '--loader:.node=empty', '--color=false', '--log-limit=0', '--log-level=warning',
    ...DYNAMIC.map((id) => `--log-override:${id}=warning`),
    ...(format === 'esm' ? [`--banner:js=${BANNER}`, `--inject:${shim}`] : []),
  ];
}

export function isDynamic(message: Message): boolean {
  return DYNAMIC.some((id) => id === message.id);
}

/** The argv that starts the esbuild of the workspace. @throws DeployError ND-TOOL-MISSING. */
export async function findEsbuild(workspaceRoot: string): Promise<string[]> {
  const places = [createRequire(join(workspaceRoot, 'package.json')), createRequire(__filename)];
  for (const place of places) {
    try {
      const program = place.resolve('esbuild/bin/esbuild');
      return await isScript(program) ? [process.execPath, program] : [program];
    } catch {
      // The next place may have it.
    }
  }
  throw new DeployError('ND-TOOL-MISSING', {
    what: 'esbuild is not installed in this workspace', where: workspaceRoot, why: 'artifact.bundle makes one file of the service with it',
    next: 'add it to the development dependencies (npm install --save-dev esbuild), or take artifact.bundle out of deploy.json',
  });
}

/** Its install replaces the script by the program of this machine, where install scripts may run. */
async function isScript(program: string): Promise<boolean> {
  const handle = await open(program);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.toString('latin1') === '#!';
  } finally {
    await handle.close();
  }
}

/** Runs it in the workspace; the metafile is undefined when it failed. */
export async function runEsbuild(request: BundleRequest, workspaceRoot: string, site: BuildSite): Promise<{ readonly messages: readonly Message[]; readonly meta: Metafile | undefined }> {
  const lines: string[] = [];
  const program = await findEsbuild(workspaceRoot);
  const result = await run([...program, ...bundleArguments(request)], {
    cwd: workspaceRoot, env: baseEnvironment(site.variables), timeout: TIMEOUT_MS, onLine: (line) => void lines.push(line), ...(site.signal === undefined ? {} : { signal: site.signal }),
  });
  if (result.cancelled) throw new DeployError('ND-CANCELLED', { what: 'the build of the image was cancelled' });
  const messages = readMessages(lines);
  if (result.exitCode === 0) return { messages, meta: JSON.parse(await readFile(request.metafile, 'utf8')) as Metafile };
  if (messages.some(({ kind }) => kind === 'error')) return { messages, meta: undefined };
  const why = result.timedOut ? `it did not end within ${TIMEOUT_MS / 1_000} s` : result.startError ?? lines.slice(-5).join(' ');
  throw new DeployError('ND-INSTALL-FAILED', { what: 'esbuild failed', where: program.join(' '), why, next: 'run the build again; if it fails again, install esbuild again' });
}

/** Parses what it prints: a line with the text and the message's id, an empty one, and an indented `file:line:column:`. */
export function readMessages(lines: readonly string[]): Message[] {
  const messages: Message[] = [];
  for (const line of lines) {
    const [, kind, text, id] = /\[(ERROR|WARNING)\] (.*?)(?: \[([a-z-]+)\])?$/.exec(line) ?? [];
    if (kind !== undefined && text !== undefined) {
      messages.push({ kind: kind === 'ERROR' ? 'error' : 'warning', text, ...(id === undefined ? {} : { id }) });
      continue;
    }
    const [, file, number] = /^ {4}(\S.*):(\d+):\d+:$/.exec(line) ?? [];
    const last = messages.at(-1);
    if (file !== undefined && last !== undefined && last.file === undefined) messages[messages.length - 1] = { ...last, file, line: Number(number) };
  }
  return messages;
}
