import { parseBunLock, pruneBun } from './prune-bun.js';

const lockOf = (packages: Readonly<Record<string, readonly unknown[]>>, more: object = {}): string => JSON.stringify({ lockfileVersion: 1, configVersion: 1, workspaces: {}, packages, ...more });
const needs = (dependencies: object): object => ({ dependencies });
const manifest = (...names: string[]): Record<string, unknown> & { dependencies: Record<string, string> } => ({ name: 'service', dependencies: Object.fromEntries(names.map((name) => [name, '*'])) });

function placesOf(result: ReturnType<typeof pruneBun>): Record<string, string> {
  if (!('lock' in result)) throw new Error(result.join(' '));
  return Object.fromEntries(Object.entries((JSON.parse(result.lock) as { packages: Record<string, [string]> }).packages).map(([place, [identity]]) => [place, identity]));
}

describe('a lock file of bun', () => {
  it('may have trailing commas, and is none when it is cut off', () => {
    expect(parseBunLock('{"lockfileVersion":1,"workspaces":{},}')?.lockfileVersion).toBe(1);
    for (const text of ['', '{"lockfileVersion":1,', '7', 'nonsense']) expect(parseBunLock(text)).toBeUndefined();
    expect(pruneBun('{"lockfileVersion":1}', manifest('a'), [])).toEqual(['it cannot be read']);
  });

  it('keeps each package with the versions that it had, where the workspace had others above', () => {
    const lock = lockOf({
      a: ['a@1.0.0', '', needs({ x: '^1', constructor: '1' })], x: ['x@3.0.0', '', {}], 'a/x': ['x@1.0.0', '', needs({ y: '1' })], y: ['y@2.0.0', '', {}], 'a/x/y': ['y@1.0.0', '', {}], constructor: ['constructor@1.0.0', '', {}],
      b: ['b@1.0.0', '', { optionalDependencies: { x: '^2', gone: '1' }, peerDependencies: { a: '*', nobody: '*' } }], 'b/x': ['x@2.0.0', '', needs({ y: '2' })], unused: ['unused@1.0.0', '', {}],
    });
    expect(placesOf(pruneBun(lock, manifest('a', 'b'), []))).toEqual({
      a: 'a@1.0.0', b: 'b@1.0.0', x: 'x@1.0.0', constructor: 'constructor@1.0.0', 'b/x': 'x@2.0.0', y: 'y@1.0.0', 'b/x/y': 'y@2.0.0',
    });
  });

  it('takes the version of the service or of its library before the one above them', () => {
    const lock = lockOf({ x: ['x@3.0.0', '', {}], 'api/x': ['x@1.0.0', '', {}], '@ws/lib/z': ['z@1.0.0', '', {}], api: ['api@workspace:apps/api'] });
    expect(placesOf(pruneBun(lock, manifest('x', 'z'), ['api', '@ws/lib']))).toEqual({ x: 'x@1.0.0', z: 'z@1.0.0' });
  });

  it('runs in circles', () => {
    const lock = lockOf({ a: ['a@1.0.0', '', needs({ b: '*' })], b: ['b@1.0.0', '', needs({ a: '*' })] });
    expect(placesOf(pruneBun(lock, manifest('a'), []))).toEqual({ a: 'a@1.0.0', b: 'b@1.0.0' });
  });

  it('names the packages that may run scripts, and what is overridden', () => {
    const lock = lockOf({ a: ['a@1.0.0', '', needs({ b: '*' })], b: ['b@1.0.0', '', {}], c: ['c@1.0.0', '', {}] }, { trustedDependencies: ['b', 'c'], overrides: { c: '1.0.0' } });
    const result = pruneBun(lock, { ...manifest('a'), overrides: { b: '1.0.0' }, resolutions: { d: '1' } }, []);
    if (!('lock' in result)) throw new Error(result.join(' '));
    expect(JSON.parse(result.lock)).toMatchObject({ lockfileVersion: 1, configVersion: 1, workspaces: { '': { name: 'service', dependencies: { a: '*' } } }, trustedDependencies: ['b'], overrides: { b: '1.0.0', d: '1' } });
    expect(result.manifest['trustedDependencies']).toEqual(['b']);
  });

  it('is refused for what it does not know, for files of the workspace and for patches, all at once', () => {
    const lock = lockOf({ a: ['a@file:vendor/a', needs({ p: '*' })], p: ['p@1.0.0', '', {}], t: ['t@./t.tgz', {}] }, { patchedDependencies: { 'p@1.0.0': 'patches/p.patch' } });
    expect(pruneBun(lock, { ...manifest('a', 't', 'unknown'), peerDependencies: { optional: '*' } }, [])).toEqual(['"a@file:vendor/a" is a file or folder of the workspace', '"p@1.0.0" is patched', '"t@./t.tgz" is a file or folder of the workspace', 'it does not know "unknown"']);
  });
});
