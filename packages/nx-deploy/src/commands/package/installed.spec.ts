/** A package with `dependencies: installed`: the manager's own production install, at the commit's time, below application/. The manager is a script of the test; real ones are in image/dependencies. */
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Workbench } from '../workbench.spec-support.js';
import { commit, membersIn, names, pack, packageFile, packagesOf } from './packages.spec-support.js';

let bench: Workbench;
beforeEach(async () => { bench = await Workbench.open(); });
afterEach(() => bench.close());

const LOCK = '__metadata:\n  version: 8\n\n"a@npm:1.0.0":\n  version: 1.0.0\n  resolution: "a@npm:1.0.0"\n\n"b@npm:1.0.0":\n  version: 1.0.0\n  resolution: "b@npm:1.0.0"\n';

async function project(install: string): Promise<{ readonly PATH: string }> {
  await bench.project(packageFile({ dependencies: 'installed' }));
  await bench.write('.gitignore', 'dist\n');
  await bench.write('apps/api/dist/package.json', { dependencies: { a: '1.0.0' }, devDependencies: { b: '1.0.0' } });
  await bench.write('apps/api/dist/yarn.lock', LOCK);
  const bin = join(bench.folder, 'bin');
  await bench.write('../bin/yarn', `#!/bin/sh\nif [ "$1" = --version ]; then echo 4.0.0; exit; fi\n${install}\n`);
  chmodSync(join(bin, 'yarn'), 0o755);
  return { PATH: `${bin}:/usr/bin:/bin` };
}

const INSTALL = 'grep -q devDependencies package.json && exit 9\nmkdir -p node_modules/a/bin node_modules/.bin\necho "module.exports = 1" > node_modules/a/index.js\necho log > node_modules/a/debug.log\n'
  + 'echo "#!/bin/sh" > node_modules/a/bin/run\nchmod 755 node_modules/a/bin/run\nln -s ../a/bin/run node_modules/.bin/run\nln -s index.js node_modules/a/main.js\nmkdir -p node_modules/@org && ln -s ../a node_modules/@org/a';

test('holds what the manager installed for production, executables as such, links listed, and is the same each time', async () => {
  const variables = await project(INSTALL);
  await commit(bench);
  const first = await pack(bench, {}, {}, variables);
  expect([first.exitCode, first.output.errors]).toEqual([0, []]);
  const members = await membersIn(first.document.file);
  const inside = Object.keys(members).filter((path) => path.startsWith('application/')).sort();
  expect(inside).toEqual(expect.arrayContaining(['application/main.js', 'application/node_modules/@org/a', 'application/node_modules/a/bin/run', 'application/node_modules/a/index.js', 'application/node_modules/a/main.js', 'application/package.json']));
  expect(inside.filter((path) => /node_modules\/(?:\.bin|b)\b/.test(path))).toEqual([]);
  expect(JSON.parse(members['deployment-info.json']?.content ?? '')).toMatchObject({ executables: ['application/node_modules/a/bin/run'] });
  expect(JSON.parse(members['checksums.links.json']?.content ?? '')).toEqual({ schema: 1, links: [{ path: 'application/node_modules/@org/a', target: '../a' }, { path: 'application/node_modules/a/main.js', target: 'index.js' }] });
  const bytes = readFileSync(first.document.file);
  expect(readFileSync((await pack(bench, {}, {}, variables)).document.file).equals(bytes)).toBe(true);
});

test.each([
  ['fails', 'echo "no such package" >&2; exit 1', 'ND-INSTALL'],
  ['resolves what the lock file does not know', `${INSTALL}\nprintf '\\n"c@npm:9.9.9":\\n  resolution: "c@npm:9.9.9"\\n' >> yarn.lock`, 'ND-LOCKFILE'],
  ['makes a link that leaves the package', `${INSTALL}\nln -s /etc/passwd node_modules/a/out`, 'ND-ARTIFACT-UNSAFE'],
])('an install that %s ends it, and no package stays', async (_, install, code) => {
  const { exitCode, document } = await pack(bench, {}, {}, await project(install));
  expect(exitCode).not.toBe(0);
  expect(document.error?.code).toMatch(code);
  expect(names(packagesOf(bench))).toEqual([]);
});
