/** The bill of materials of a package: what it lists, that it is covered like any other file, and what stands in its way. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyPackage } from 'nx-build-manifest';
import type { PackageOptions } from '../package.js';
import { Workbench } from '../workbench.spec-support.js';
import { commit, graph, membersIn, names, pack, packageFile, packagesOf, type Graph } from './packages.spec-support.js';

let bench: Workbench;
beforeEach(async () => { bench = await Workbench.open(); });
afterEach(() => bench.close());

async function project(sbom: string, dependencies: object = { debug: '4.4.1' }): Promise<void> {
  await bench.project(packageFile({ sbom }));
  await bench.write('.gitignore', 'dist\n');
  await bench.write('apps/api/package.json', { name: 'api', version: '1.0.0', dependencies, devDependencies: { jest: '30.0.0' } });
}

test.each([
  ['cyclonedx', 'sbom.cdx.json', (text: string) => (JSON.parse(text) as { components: { purl: string }[] }).components.map(({ purl }) => purl)],
  ['spdx', 'sbom.spdx.json', (text: string) => (JSON.parse(text) as { packages: { externalRefs?: { referenceLocator: string }[] }[] }).packages.flatMap(({ externalRefs = [] }) => externalRefs.map(({ referenceLocator }) => referenceLocator)).filter((purl) => !purl.includes('/api@'))],
])('as %s lists what runs and nothing else, the same each time, and satisfies a policy that asks for one', async (format, file, purlsOf) => {
  await project(format);
  await commit(bench);
  const first = await pack(bench, { graph });
  expect([first.exitCode, first.output.errors]).toEqual([0, []]);
  const bytes = readFileSync(first.document.file);
  const text = (await membersIn(first.document.file))[file]?.content ?? '';
  expect([...purlsOf(text)].sort()).toEqual(['pkg:npm/debug@4.4.1', 'pkg:npm/ms@2.1.3']);
  expect(text).toContain('2026-01-02T03:04:05');
  expect(readFileSync((await pack(bench, { graph })).document.file).equals(bytes)).toBe(true);
  const unpacked = mkdtempSync(join(bench.folder, 'unpacked-'));
  execFileSync('tar', ['-xzf', first.document.file, '-C', unpacked]);
  const verdict = async () => (await verifyPackage({ folder: unpacked, policy: { mode: 'warn', keys: [], requireSbom: true } })).rules.find(({ rule }) => rule === 'sbom');
  expect(await verdict()).toMatchObject({ outcome: 'passed', detail: file });
  writeFileSync(join(unpacked, file), '{}');
  expect(await verdict()).toMatchObject({ outcome: 'warned', findings: [{ file, problem: 'is neither CycloneDX nor SPDX' }] });
});

test('what is not installed is told to name no licence', async () => {
  await project('cyclonedx');
  const { output } = await pack(bench, { graph });
  expect(output.events).toContainEqual({ type: 'note', text: '2 packages of the bill of materials name no licence, or are not installed' });
});

test.each<[string, string, object, Partial<PackageOptions>, RegExp, RegExp]>([
  ['a dependency that the lock file lacks', 'cyclonedx', { debug: '4.4.1', axios: '^1.0.0' }, { graph }, /not in the lock file: axios \(dependencies of apps\/api\/package\.json\)/, /commit the lock file/],
  ['SPDX without any time', 'spdx', { debug: '4.4.1' }, { graph }, /SOURCE_DATE_EPOCH/, /^commit the workspace, or set SOURCE_DATE_EPOCH/],
  ['a project that the graph does not know', 'cyclonedx', {}, { graph: () => Promise.resolve({ nodes: {}, externalNodes: {}, dependencies: {} } as unknown as Graph) }, /there is no project api/, /^install the dependencies/],
])('%s ends it by its name, and nothing of the package stays', async (_, format, dependencies, options, why, next) => {
  await project(format, dependencies);
  const { exitCode, document } = await pack(bench, options);
  expect([exitCode, document.error?.code]).toEqual([3, 'ND-LOCKFILE']);
  expect(document.error?.why).toMatch(why);
  expect((document.error as { next?: string } | undefined)?.next).toMatch(next);
  expect(names(packagesOf(bench))).toEqual([]);
});
