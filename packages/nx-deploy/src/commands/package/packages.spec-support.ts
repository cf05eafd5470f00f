/** Projects whose artifact is a package, on a workbench. For specs only. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { membersOf, type Member } from '../../image/layer/layer.spec-support.js';
import { makePackage, type PackageOptions } from '../package.js';
import type { CommandResult } from '../result.js';
import { deployFile, Recorder, type Place, type Workbench } from '../workbench.spec-support.js';
import type { PackageRecord } from './record.js';

export type Graph = Awaited<ReturnType<NonNullable<PackageOptions['graph']>>>;

/** api needs one package, and that another one; a third one is for development. */
export const graph: NonNullable<PackageOptions['graph']> = () => {
  const external = (name: string, version: string) => ({ type: 'npm' as const, name: `npm:${name}` as const, data: { packageName: name, version, hash: '' } });
  const edge = (source: string, target: string) => ({ source, target, type: 'static' });
  return Promise.resolve({
    nodes: { api: { name: 'api', type: 'app' as const, data: { root: 'apps/api' } } },
    externalNodes: { 'npm:debug': external('debug', '4.4.1'), 'npm:ms': external('ms', '2.1.3'), 'npm:jest': external('jest', '30.0.0') },
    dependencies: { api: [edge('api', 'npm:debug'), edge('api', 'npm:jest')], 'npm:debug': [edge('npm:debug', 'npm:ms')] },
  } as unknown as Graph);
};

export function packageFile(artifact: object = {}, extra: object = {}): object {
  return deployFile({ artifact: { type: 'package', path: 'dist', entry: 'main.js', smoke: false, ...artifact }, ...extra });
}

export interface Packed extends CommandResult {
  readonly output: Recorder;
  readonly document: { readonly outcome: string; readonly file: string; readonly package: PackageRecord; readonly warnings?: readonly string[]; readonly error?: { readonly code: string; readonly problems?: readonly string[]; readonly why?: string } };
}

export async function pack(bench: Workbench, options: PackageOptions = {}, place: Place = {}, variables: NodeJS.ProcessEnv = {}): Promise<Packed> {
  const output = new Recorder();
  const context = bench.context(place, output);
  return { ...await makePackage({ ...context, variables: { ...context.variables, ...variables } }, options), output } as Packed;
}

export function packagesOf(bench: Workbench, project = 'api'): string {
  return join(bench.root, 'dist/packages/apps', project);
}

export async function membersIn(archive: string): Promise<Readonly<Record<string, Member>>> {
  const members = await membersOf(gunzipSync(readFileSync(archive)));
  return Object.fromEntries(members.map((member) => [member.path.replace(/\/$/, ''), member]));
}

export function names(folder: string): readonly string[] {
  return readdirSync(folder).sort();
}

/** A repository whose one commit is of 2026-01-02 03:04:05 UTC. */
export async function commit(bench: Workbench): Promise<void> {
  await mkdir(bench.root, { recursive: true });
  const date = '2026-01-02T03:04:05Z';
  const env = { PATH: process.env['PATH'], HOME: bench.folder, GIT_CONFIG_NOSYSTEM: '1', GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
  const git = (...args: readonly string[]): void => void execFileSync('git', ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false', ...args], { cwd: bench.root, env, stdio: 'ignore' });
  git('init', '--quiet');
  git('add', '--all');
  git('commit', '--quiet', '--message', 'first');
}
