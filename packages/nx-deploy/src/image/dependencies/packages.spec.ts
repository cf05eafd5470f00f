import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addPackages, packageOf, packagesIn, versionIn } from './packages.js';

describe('packages of a list of files', () => {
  it('are known by the innermost node_modules', () => {
    expect(packageOf('app/node_modules/@a/b/node_modules/c/lib/x.js')).toEqual({ folder: 'app/node_modules/@a/b/node_modules/c', name: 'c', inside: 'lib/x.js' });
    expect(packageOf('node_modules/@a/b/x.js')?.name).toBe('@a/b');
    for (const path of ['app/main.js', 'node_modules/.bin/x', 'node_modules/x', 'node_modules/@a/x', 'my_node_modules/x/y.js']) expect(packageOf(path)).toBeUndefined();
  });

  it('are added up by name and version, the biggest first, then by name, then by version', () => {
    const file = (path: string, size: number): { path: string; size: number } => ({ path, size });
    const versions = new Map([['node_modules/b', '2.0.0'], ['node_modules/a/node_modules/b', '1.0.0'], ['node_modules/c/node_modules/b', '1.0.0']]);
    expect(addPackages([
      file('main.js', 99), file('node_modules/b/x', 4), file('node_modules/a/node_modules/b/x', 2), file('node_modules/c/node_modules/b/x', 2), file('node_modules/d/x', 4), file('node_modules/c/x', 4), file('node_modules/d/node_modules/b/y', 4),
      file('node_modules/z/x', 50),
    ], versions)).toEqual([
      { name: 'z', size: 50 }, { name: 'b', size: 4 }, { name: 'b', version: '1.0.0', size: 4 }, { name: 'b', version: '2.0.0', size: 4 }, { name: 'c', size: 4 }, { name: 'd', size: 4 },
    ]);
  });

  it('have the version of their package.json, on the disk or in memory, where it names one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'nd-'));
    try {
      writeFileSync(join(folder, 'package.json'), '{"version":"1.0.0"}');
      const found = await packagesIn([
        { path: 'node_modules/a/package.json', size: 3, source: join(folder, 'package.json') }, { path: 'node_modules/b/package.json', size: 2, source: Buffer.from('{"version":"2.0.0"}') },
        { path: 'node_modules/c/package.json', size: 1, source: join(folder, 'gone') },
      ]);
      expect(found).toEqual([{ name: 'a', version: '1.0.0', size: 3 }, { name: 'b', version: '2.0.0', size: 2 }, { name: 'c', size: 1 }]);
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect(['{"version":1}', '{}', 'nonsense', 'null'].map(versionIn)).toEqual([undefined, undefined, undefined, undefined]);
  });
});
