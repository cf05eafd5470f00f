/** Graphs, lock files and package.json files that others wrote: what is not there, what is broken and what means to mislead. */
import { join } from 'node:path';
import { testWorkspace } from '../workspace.spec-support.js';
import type { ExternalNode, ProjectGraphFacts } from './graph.js';
import { inventoryOf, type Inventory } from './inventory.js';

const workspace = testWorkspace();
const node = (packageName: string, version = '1.0.0'): ExternalNode => ({ data: { packageName, version } });
const to = (...targets: string[]): { target: string; type: string }[] => targets.map((target) => ({ target, type: 'static' }));
const API = { api: { data: { root: 'apps/api' } } };

function inventory(manifest: unknown, graph: Partial<ProjectGraphFacts>): Inventory {
  workspace.write({ 'package.json': { name: 'shop' }, 'apps/api/package.json': typeof manifest === 'string' ? manifest : manifest as object });
  return inventoryOf({ workspaceRoot: workspace.root, projectName: 'api', version: '2.0.0', graph: { nodes: API, dependencies: {}, ...graph } });
}
const refs = ({ components }: Inventory): readonly string[] => components.map(({ ref, optional }) => `${ref}${optional ? ' (optional)' : ''}`);

it('names everything that is declared and not locked, at once, with the file that declares it', () => {
  const graph = { externalNodes: { 'npm:a': node('a') }, dependencies: { api: [...to('npm:a'), ...to('money')], money: [] }, nodes: { ...API, money: { data: { root: 'libs/money' } } } };
  workspace.write({ 'libs/money/package.json': { name: '@org/money', dependencies: { lost: '1' } } });
  expect(() => inventory({ dependencies: { a: '1', b: '^2', '@org/c': '3', '@org/money': '*' } }, graph))
    .toThrow('not in the lock file: b (dependencies of apps/api/package.json); @org/c (dependencies of apps/api/package.json); lost (dependencies of libs/money/package.json); install the dependencies');
});

it.each(['workspace:*', 'file:../x', 'link:../x', 'portal:../x'])('takes %s for what lies in the workspace', (specifier) => {
  expect(refs(inventory({ dependencies: { money: specifier } }, {}))).toEqual([]);
});

it.each<[string, string, Record<string, ExternalNode>, readonly string[]]>([
  ['of the real name', 'npm:left@1.0.0', { 'npm:left': node('left'), 'npm:left@2.0.0': node('left', '2.0.0') }, ['pkg:npm/left@1.0.0']],
  ['with a range, when there is one only', 'npm:left@^1', { 'npm:left': node('left') }, ['pkg:npm/left@1.0.0']],
  ['without a version, when there is one only', 'npm:left', { 'npm:left': node('left') }, ['pkg:npm/left@1.0.0']],
  ['in a scope', 'npm:@org/left@1.0.0', { 'npm:@org/left': node('@org/left') }, ['pkg:npm/%40org/left@1.0.0']],
  ['that is exactly one of several', '2.0.0', { 'npm:alias@1.0.0': node('alias'), 'npm:alias@2.0.0': node('alias', '2.0.0') }, ['pkg:npm/alias@2.0.0']],
])('finds what a declaration without an edge means: %s', (_, specifier, externalNodes, found) => {
  expect(refs(inventory({ dependencies: { alias: specifier } }, { externalNodes }))).toEqual(found);
});

it.each<[string, string, Record<string, ExternalNode>]>([
  ['two versions, and a range', 'npm:left@^1', { 'npm:left': node('left'), 'npm:left@1.1.0': node('left', '1.1.0') }], ['another package', 'npm:left@1.0.0', { 'npm:right': node('right') }], ['nothing', '*', {}],
])('does not guess where the lock file has %s', (_, specifier, externalNodes) => {
  expect(() => inventory({ dependencies: { alias: specifier } }, { externalNodes })).toThrow('not in the lock file: alias');
});

it.each(['', '{', 'null', '[]', '"text"', '{"dependencies":[]}', '{"dependencies":{"a":1}}', '{"dependencies":null,"peerDependenciesMeta":"x"}'])('a package.json that is %j declares nothing, or what its names say', (text) => {
  const found = (): Inventory => inventory(text, { externalNodes: { 'npm:a': node('a') } });
  expect(refs(found())).toEqual(text.includes('"a"') ? ['pkg:npm/a@1.0.0'] : []);
});

it('is not misled by names of what every object has', () => {
  workspace.write({ 'node_modules/constructor/package.json': { name: 'constructor', version: '1.0.0', license: 'MIT' } });
  const graph = { externalNodes: { 'npm:constructor': node('constructor') }, dependencies: { api: to('npm:constructor', 'toString'), 'npm:constructor': to('__proto__', 'npm:constructor') }, nodes: { ...API, toString: { data: { root: 'libs/x' } } } };
  expect(refs(inventory('{"dependencies":{"constructor":"1","__proto__":"1"},"peerDependenciesMeta":{"__proto__":{"optional":true}}}', { ...graph, externalNodes: { ...graph.externalNodes, ['npm:__proto__']: node('__proto__') } })))
    .toEqual(expect.arrayContaining(['pkg:npm/constructor@1.0.0', 'pkg:npm/__proto__@1.0.0']));
});

it('reads nothing beside the workspace for a package whose name climbs', () => {
  workspace.write({ 'outside/package.json': { name: 'outside', version: '1.0.0', license: 'STOLEN' }, 'inner/package.json': { dependencies: { '../../outside': '1', '@x/../../../outside': '1' } } });
  const graph = { nodes: { inner: { data: { root: '.' } } }, externalNodes: { 'npm:x': node('../../outside'), 'npm:y': node('@x/../../../outside') }, dependencies: { inner: to('npm:x', 'npm:y') } };
  const { components } = inventoryOf({ workspaceRoot: join(workspace.root, 'inner'), projectName: 'inner', version: '1.0.0', graph });
  expect(components.map(({ purl }) => purl)).toEqual(['pkg:npm/%40x/../../../outside@1.0.0', 'pkg:npm/../../outside@1.0.0']);
  expect(JSON.stringify(components)).not.toContain('STOLEN');
});

it('tells a project, or the target of an edge, that the graph does not have', () => {
  expect(() => inventory({}, { nodes: {} })).toThrow('there is no project api in the project graph');
  expect(() => inventory({}, { dependencies: { api: to('gone') } })).toThrow('there is no project gone in the project graph');
});

it('what is needed in one way and optional in another is needed; what only an optional package needs is optional', () => {
  workspace.write({ 'node_modules/maybe/package.json': { name: 'maybe', version: '1.0.0', optionalDependencies: { deep: '1' } } });
  const graph = {
    externalNodes: { 'npm:maybe': node('maybe'), 'npm:deep': node('deep'), 'npm:both': node('both'), 'npm:a': node('a') },
    dependencies: { api: to('npm:maybe', 'npm:a', 'npm:both'), 'npm:maybe': to('npm:deep', 'npm:both'), 'npm:a': to('npm:both') },
  };
  const found = inventory({ dependencies: { a: '1' }, optionalDependencies: { maybe: '1', both: '1' } }, graph);
  expect(refs(found)).toEqual(['pkg:npm/a@1.0.0', 'pkg:npm/both@1.0.0', 'pkg:npm/deep@1.0.0 (optional)', 'pkg:npm/maybe@1.0.0 (optional)']);
  expect(found.needs.get('pkg:npm/maybe@1.0.0')).toEqual([{ ref: 'pkg:npm/both@1.0.0', optional: false }, { ref: 'pkg:npm/deep@1.0.0', optional: true }]);
});

it('is that of the project that is the workspace, and of one that the workspace lends its optional packages', () => {
  workspace.write({ 'package.json': { name: 'shop', dependencies: { a: '1' }, optionalDependencies: { b: '1' } } });
  const graph = { nodes: { shop: { data: { root: '.' } } }, externalNodes: { 'npm:a': node('a'), 'npm:b': node('b'), 'npm:c': node('c') }, dependencies: { shop: to('npm:a', 'npm:b', 'npm:c') } };
  expect(refs(inventoryOf({ workspaceRoot: workspace.root, projectName: 'shop', version: '1.0.0', graph }))).toEqual(['pkg:npm/a@1.0.0', 'pkg:npm/b@1.0.0 (optional)']);
});
