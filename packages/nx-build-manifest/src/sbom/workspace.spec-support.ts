/**
 * A workspace of two projects, locked by each package manager. The lock files in `locks` were written by npm 11, pnpm 9, yarn 1, yarn 4 and bun 1.2 for
 * these package.json files (in pnpm's with `workspace:*` for money), those of yarn 1 with another host.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExternalNode, ProjectGraphFacts } from './graph.js';

export const MANAGERS = {
  npm: { manager: 'npm', stored: 'npm.json', file: 'package-lock.json' },
  pnpm: { manager: 'pnpm', stored: 'pnpm.yaml', file: 'pnpm-lock.yaml' },
  'yarn 1': { manager: 'yarn', stored: 'yarn-classic.lock', file: 'yarn.lock' },
  'yarn 4': { manager: 'yarn', stored: 'yarn-berry.lock', file: 'yarn.lock' },
  bun: { manager: 'bun', stored: 'bun.lock', file: 'bun.lock' },
} as const;
export type ManagerName = keyof typeof MANAGERS;

const MANIFESTS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '.': { name: 'fixture', version: '0.0.0', private: true, workspaces: ['apps/*', 'libs/*'], devDependencies: { once: '1.4.0' } },
  'apps/shop': {
    name: '@org/shop', version: '1.2.3', private: true, license: 'UNLICENSED',
    dependencies: { '@org/money': '0.5.0', chokidar: '3.6.0', debug: '4.4.1' }, devDependencies: { 'is-number': '6.0.0' },
  },
  'libs/money': { name: '@org/money', version: '0.5.0', license: 'MIT', dependencies: { '@jridgewell/trace-mapping': '0.3.25', wrap: 'npm:wrappy@1.0.2' } },
};

export interface TestWorkspace {
  readonly root: string;
  readonly graph: ProjectGraphFacts;
  /** Writes the package.json of an installed package. */
  install(folder: string, manifest: Readonly<Record<string, unknown>>): Promise<void>;
  remove(): Promise<void>;
}

/** What Nx's own reader of lock files gives; its place is not public, so that it is named in this file alone. */
interface LockFiles {
  getLockFileNodesForName(file: string, content: string, hash: string, manifest: unknown): { readonly nodes: Record<string, ExternalNode>; readonly keyMap: Map<string, unknown> };
  getLockFileDependencies(manager: string, content: string, hash: string, context: unknown, keyMap: Map<string, unknown>): readonly { readonly source: string; readonly target: string; readonly type: string }[];
}

/** Nx takes the folder that it works for from a variable when it is loaded. It looks there for the lock files of bun and for the folder of pnpm while it reads. */
const NX_ROOT = join(tmpdir(), `sbom-nx-${randomBytes(6).toString('hex')}`);

function withNx<Result>(use: (nx: LockFiles) => Result): Result {
  const before = process.env['NX_WORKSPACE_ROOT_PATH'];
  process.env['NX_WORKSPACE_ROOT_PATH'] = NX_ROOT;
  mkdirSync(join(NX_ROOT, 'node_modules'), { recursive: true });
  writeFileSync(join(NX_ROOT, 'bun.lock'), '{}');
  writeFileSync(join(NX_ROOT, 'node_modules/.modules.yaml'), 'hoistedDependencies: {}\n');
  try {
    return use(jest.requireActual<LockFiles>(join(dirname(require.resolve('nx/package.json')), 'dist/src/plugins/js/lock-file/lock-file.js')));
  } finally {
    rmSync(NX_ROOT, { recursive: true, force: true });
    if (before === undefined) delete process.env['NX_WORKSPACE_ROOT_PATH'];
    else process.env['NX_WORKSPACE_ROOT_PATH'] = before;
  }
}

export async function workspaceOf(name: ManagerName): Promise<TestWorkspace> {
  const { manager, stored, file } = MANAGERS[name];
  const root = await mkdtemp(join(tmpdir(), 'sbom-'));
  const write = async (folder: string, manifest: Readonly<Record<string, unknown>>): Promise<void> => {
    await mkdir(join(root, folder), { recursive: true });
    await writeFile(join(root, folder, 'package.json'), JSON.stringify(manifest));
  };
  for (const [folder, manifest] of Object.entries(MANIFESTS)) await write(folder, manifest);
  const content = await readFile(join(__dirname, 'locks', stored), 'utf8');
  await writeFile(join(root, file), content);
  return { root, graph: withNx((nx) => graphOf(nx, root, manager, file, content)), install: write, remove: () => rm(root, { recursive: true, force: true }) };
}

function graphOf(nx: LockFiles, root: string, manager: string, file: string, content: string): ProjectGraphFacts {
  const { nodes: externalNodes, keyMap } = nx.getLockFileNodesForName(file, content, content, MANIFESTS['.']);
  const projects = { shop: { root: 'apps/shop' }, money: { root: 'libs/money' } };
  const dependencies: Record<string, { target: string; type: string }[]> = {};
  for (const { source, target, type } of nx.getLockFileDependencies(manager, content, content, { projects, externalNodes, workspaceRoot: root }, keyMap)) {
    (dependencies[source] ??= []).push({ target, type });
  }
  for (const [project, { root: folder }] of Object.entries(projects)) dependencies[project] = declaredEdges(folder, externalNodes);
  return { nodes: { shop: { data: projects.shop }, money: { data: projects.money } }, externalNodes, dependencies };
}

/** As Nx finds them: the project, the package of that version, else the one that is hoisted; none for what it does not know. */
function declaredEdges(folder: string, nodes: Readonly<Record<string, ExternalNode>>): { target: string; type: string }[] {
  const { dependencies = {}, devDependencies = {} } = MANIFESTS[folder] as Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;
  return Object.entries({ ...dependencies, ...devDependencies }).flatMap(([name, version]) => {
    const target = name === '@org/money' ? 'money' : [`npm:${name}@${version}`, `npm:${name}`].find((each) => each in nodes);
    return target === undefined ? [] : [{ target, type: 'static' }];
  });
}
