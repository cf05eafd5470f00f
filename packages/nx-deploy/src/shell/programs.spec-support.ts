/** Real programs for specs: single files made from this source, temp folders, waiting for a fact. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const SOURCE = resolve(__dirname, '..');

/** A temp folder that is removed after the specs of the file. */
export function temporaryFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `nx-deploy-${name}-`));
  afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** As a program of its own: esbuild's API leaves a process behind that keeps the test runner from ending. */
function esbuild(args: readonly string[], outfile: string, input?: string): string {
  const program = require.resolve('esbuild/bin/esbuild');
  execFileSync(program, [...args, '--bundle', '--platform=node', '--format=cjs', '--target=node20', '--log-level=error', `--outfile=${outfile}`], { cwd: SOURCE, input: input ?? '' });
  return outfile;
}

/** One file of a TypeScript text that may import from this source by paths relative to it (`./shell/run.js`). */
export function bundle(text: string, outfile: string): string {
  return esbuild(['--loader=ts'], outfile, text);
}

/** The program of a source file, started as such. */
export function bundleFile(file: string, outfile: string): string {
  return esbuild([join(SOURCE, file)], outfile);
}

/** Waits until the fact holds; fails with `what` after the limit in ms. */
export async function until<T>(what: string, fact: () => T | Promise<T>, limit = 15_000): Promise<Exclude<T, false | null | undefined>> {
  const end = performance.now() + limit;
  for (;;) {
    const value = await fact();
    if (value !== undefined && value !== null && value !== false) return value as Exclude<T, false | null | undefined>;
    if (performance.now() > end) throw new Error(`still not after ${limit} ms: ${what}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

/** Is there such a process that has not ended (a zombie has)? */
export function lives(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

/** A Node program as a child, with what it prints. */
export function node(args: readonly string[], env: Readonly<Record<string, string>> = {}): { readonly child: ChildProcess; readonly output: Promise<string>; readonly code: Promise<number | null> } {
  const child = spawn(process.execPath, [...args], { env: { PATH: process.env['PATH'], ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => { text += chunk.toString(); });
  const code = new Promise<number | null>((done) => { child.once('close', (status) => done(status)); });
  return { child, output: code.then(() => text), code };
}
