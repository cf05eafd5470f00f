/** The graph that Nx makes of the workspace of the test registry: its lock file read by Nx itself, the projects written down, as computing them takes seconds. */
import { createRequire } from 'node:module';
import type { Fixture } from '../dependencies.spec-support.js';
import type { Graph } from './graph.js';
import type { TestManager } from './managers.spec-support.js';

interface External { readonly type: 'npm'; readonly name: string; readonly data: { readonly packageName: string; readonly version: string } }
interface Edge { readonly source: string; readonly target: string; readonly type: string }
interface Context { readonly workspaceRoot: string; readonly externalNodes: Readonly<Record<string, External>>; readonly projects: object }
interface LockFiles {
  getLockFileNodes(manager: string, text: string, hash: string, context: object): { readonly nodes: Readonly<Record<string, External>>; readonly keyMap: unknown };
  getLockFileDependencies(manager: string, text: string, hash: string, context: Context, keyMap: unknown): readonly Edge[];
}
interface BunLockFiles {
  getBunTextLockfileNodes(text: string, hash: string): Readonly<Record<string, External>>;
  getBunTextLockfileDependencies(text: string, hash: string, context: Context): readonly Edge[];
}

const PROJECTS = { api: ['app', 'apps/api', 'api'], web: ['app', 'apps/web', 'web'], lib: ['lib', 'libs/lib', '@ws/lib'] } as const;
const NEEDS: Readonly<Record<keyof typeof PROJECTS, readonly string[]>> = {
  api: ['lib', 'npm:plain', 'npm:plugin', 'npm:second'], web: ['lib', 'npm:only-web', 'npm:inner'], lib: ['npm:@scope/util'],
};
const load = createRequire(__filename);

/** Writes it beside the workspace, where `@nx/devkit` and `@nx/js` of the workspace give it, and stand for the real ones otherwise. */
export function writeGraph({ root, write }: Fixture, { manager: { name }, alias }: Pick<TestManager, 'manager' | 'alias'>, text: string): Graph {
  if (name === 'pnpm') write({ 'node_modules/.modules.yaml': 'hoistedDependencies: {}\n' });
  const { nodes: externalNodes, edges } = lockGraph(name, text, root);
  const dependencies: Record<string, Edge[]> = {};
  for (const edge of edges) (dependencies[edge.source] ??= []).push(edge);
  // Of two versions Nx knows the hoisted one by the bare name, of which there may be none.
  const external = (target: string): string => (externalNodes[target] === undefined ? Object.keys(externalNodes).find((one) => one.startsWith(`${target}@2`)) ?? target : target);
  const files = Object.entries(NEEDS).map(([project, needs]) => {
    const targets = needs.filter((target) => alias || target !== 'npm:second').map((target) => (target.startsWith('npm:') ? external(target) : target));
    dependencies[project] = targets.map((target) => ({ source: project, target, type: 'static' }));
    return [project, [{ file: `${PROJECTS[project as keyof typeof PROJECTS][1]}/package.json`, hash: '', deps: targets }]];
  });
  const nodes = Object.fromEntries(Object.entries(PROJECTS).map(([project, [type, folder, packageName]]) => [project, { type, name: project, data: { root: folder, metadata: { js: { packageName } } } }]));
  const graph = { nodes, externalNodes, dependencies };
  write({
    'node_modules/@nx/devkit/index.js': `exports.createProjectGraphAsync = async () => (${JSON.stringify(graph)})`,
    'node_modules/@nx/js/index.js': `const js = require(${JSON.stringify(require.resolve('@nx/js'))});\n`
      + `module.exports = { generatePrunedDeployOutput: js.generatePrunedDeployOutput, createPackageJson: (name, graph, options) => js.createPackageJson(name, graph, options, ${JSON.stringify(Object.fromEntries(files))}) };\n`,
  });
  return graph;
}

function lockGraph(manager: string, text: string, workspaceRoot: string): { readonly nodes: Readonly<Record<string, External>>; readonly edges: readonly Edge[] } {
  if (manager === 'bun') {
    const bun = load('nx/src/plugins/js/lock-file/bun-parser') as BunLockFiles;
    const nodes = bun.getBunTextLockfileNodes(text, workspaceRoot);
    return { nodes, edges: bun.getBunTextLockfileDependencies(text, workspaceRoot, { workspaceRoot, externalNodes: nodes, projects: {} }) };
  }
  const locks = lockFiles(workspaceRoot);
  const { nodes, keyMap } = locks.getLockFileNodes(manager, text, workspaceRoot, { workspaceRoot });
  return { nodes, edges: locks.getLockFileDependencies(manager, text, workspaceRoot, { workspaceRoot, externalNodes: nodes, projects: {} }, keyMap) };
}

/** For pnpm Nx reads what was installed in the workspace, whose folder it asks for once. */
function lockFiles(workspaceRoot: string): LockFiles {
  const found: LockFiles[] = [];
  const before = process.env['NX_WORKSPACE_ROOT_PATH'];
  process.env['NX_WORKSPACE_ROOT_PATH'] = workspaceRoot;
  jest.isolateModules(() => { found.push(load('nx/src/plugins/js/lock-file/lock-file') as LockFiles); });
  if (before === undefined) delete process.env['NX_WORKSPACE_ROOT_PATH'];
  else process.env['NX_WORKSPACE_ROOT_PATH'] = before;
  const [locks] = found;
  if (locks === undefined) throw new Error('Nx gave no module');
  return locks;
}
