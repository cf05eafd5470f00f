/** What a deploy makes of a package before it touches the target. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeployError } from '../../errors.js';
import type { ConfigValues } from '../../releases/index.js';
import { resolveProject } from '../context.js';
import { Recorder, Workbench } from '../workbench.spec-support.js';
import { pack, packageFile } from './packages.spec-support.js';
import { withPackage, type UnpackedPackage } from './unpacked.js';

let bench: Workbench;
beforeEach(async () => { bench = await Workbench.open(); });
afterEach(() => bench.close());

const pem = (key: KeyObject): string => key.export({ format: 'pem', type: key.type === 'private' ? 'pkcs8' : 'spki' } as { format: 'pem'; type: 'pkcs8' & 'spki' }).toString();

async function unpacked(archive: string, use: (found: UnpackedPackage) => unknown = () => undefined, config: ConfigValues = { values: {}, secrets: [] }): Promise<{ readonly notes: readonly string[]; readonly result: unknown }> {
  const output = new Recorder();
  const context = bench.context({}, output);
  const result = await withPackage(context, resolveProject(context), archive, config, (found) => Promise.resolve(use(found)));
  return { notes: output.events.flatMap((event) => (event.type === 'note' ? [event.text] : [])), result };
}
const refusal = async (archive: string, config?: ConfigValues): Promise<DeployError['parts'] & { readonly code: string }> => unpacked(archive, undefined, config).then(() => { throw new Error('it was taken'); }, (thrown: unknown) => {
  if (!(thrown instanceof DeployError)) throw thrown;
  return { code: thrown.code, ...thrown.parts };
});

test('application/ alone goes to the target: filled in, with its modes and links, and the same for the same values', async () => {
  await bench.project(packageFile({ templates: ['config/*.template'] }));
  await bench.write('apps/api/config/app.json.template', '{"a": "${A}"}');
  await bench.write('apps/api/README.md', 'readme');
  writeFileSync(join(bench.root, 'apps/api/dist/run.sh'), '#!/bin/sh\n', { mode: 0o755 });
  symlinkSync('main.js', join(bench.root, 'apps/api/dist/current.js'));
  const { document } = await pack(bench);
  const look = ({ collected, manifest }: UnpackedPackage): unknown => ({
    files: collected.files.map((file) => ('link' in file ? [file.path, file.link] : [file.path, file.mode])), entry: collected.entry, cwd: collected.cwd, count: collected.count, digest: collected.digest, manifest,
    text: collected.files.flatMap((file) => ('source' in file && typeof file.source !== 'string' ? [Buffer.from(file.source).toString()] : [])),
  });
  const first = await unpacked(document.file, look, { values: { A: '1' }, secrets: [] });
  expect(first.result).toMatchObject({ entry: 'main.js', cwd: '.', count: 5, manifest: { version: '1.0.0' }, text: ['{"a": "1"}'], files: [['config/app.json', 0o644], ['current.js', 'main.js'], ['main.js', 0o644], ['run.sh', 0o755], ['version.txt', 0o644]] });
  expect(first.notes).toEqual([expect.stringMatching(/^package api 1\.0\.0 from "dist\/packages\/apps\/api\/api-v1\.0\.0-uncommitted\.tar\.gz": every digest is right$/)]);
  expect((await unpacked(document.file, look, { values: { A: '1' }, secrets: [] })).result).toEqual(first.result);
  expect((await unpacked(document.file, look, { values: { A: '2' }, secrets: [] })).result).not.toMatchObject({ digest: (first.result as { digest: string }).digest });
  rmSync(`${document.file}.sha256`);
  expect((await unpacked(document.file, undefined, { values: { A: '1' }, secrets: [] })).notes[1]).toMatch(/there is no "api-v1\.0\.0-uncommitted\.tar\.gz\.sha256" beside the package/);
  expect(readdirSync(join(bench.home.folder, 'packages'))).toEqual([]);
});

test('a template is filled in by what the package calls secret too, and then refused', async () => {
  await bench.project(packageFile({ templates: ['config/*.template'] }));
  await bench.write('apps/api/config/a.txt.template', '${KEY}');
  await bench.write('apps/api/environments/env.schema.json', { type: 'object', properties: { KEY: { type: 'string', 'x-secret': true } } });
  const { document } = await pack(bench);
  const told = await refusal(document.file, { values: { KEY: 'hidden' }, secrets: [] });
  expect(told).toMatchObject({ code: 'ND-PACKAGE-TEMPLATE' });
  expect(JSON.stringify(told)).not.toContain('hidden');
});

describe('what an environment asks for', () => {
  const [own, other] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  const policy = (verify: object): object => packageFile({}, { verify });

  async function signed(key: KeyObject | undefined): Promise<string> {
    await bench.project(policy({ keys: ['own.pub'] }));
    await bench.write('apps/api/own.pub', own === undefined ? '' : pem(own.publicKey));
    if (key !== undefined) await bench.write('key.pem', pem(key));
    const { document, output } = await pack(bench, key === undefined ? {} : { key: 'key.pem' });
    expect(output.errors).toEqual([]);
    return document.file;
  }

  test('is told rule by rule when it is there', async () => {
    const archive = await signed(own?.privateKey);
    await bench.write('apps/api/deploy.json', policy({ keys: ['own.pub'], provenance: true }));
    const { notes } = await unpacked(archive);
    expect(notes).toEqual(expect.arrayContaining(['signature: signed by own.pub', expect.stringMatching(/^provenance: built by /), expect.stringMatching(/^files: \d+ files have the digests/)]));
  });

  test('two keys of one file name, an earlier and a later one, are told apart by their folders', async () => {
    const archive = await signed(own?.privateKey);
    await bench.write('keys/2025/release.pub', other === undefined ? '' : pem(other.publicKey));
    await bench.write('keys/2026/release.pub', own === undefined ? '' : pem(own.publicKey));
    await bench.write('apps/api/deploy.json', policy({ keys: ['{workspaceRoot}/keys/2025/release.pub', '{workspaceRoot}/keys/2026/release.pub'] }));
    const { notes } = await unpacked(archive);
    expect(notes).toContain('signature: signed by keys/2026/release.pub');
  });

  test.each<[string, () => KeyObject | undefined, object, RegExp[]]>([
    ['another key', () => other?.privateKey, { keys: ['own.pub'] }, [/^signature: checksums\.txt\.sig: it does not match/]],
    ['no key', () => undefined, { keys: ['own.pub'] }, [/^signature: the package has no signature/]],
    ['no bill of materials', () => own?.privateKey, { keys: ['own.pub'], requireSbom: true }, [/^sbom: there is no file/]],
    ['another builder', () => own?.privateKey, { keys: ['own.pub'], provenance: true, identities: ['https://ci'] }, [/^identity: provenance\.intoto\.json: the builder .* is none/]],
  ])('and is not, with %s, is refused; with warn it is told', async (_, key, verify, problems) => {
    const archive = await signed(key());
    await bench.write('apps/api/deploy.json', policy(verify));
    const told = await refusal(archive);
    expect([told.code, told.problems]).toEqual(['ND-PACKAGE-REFUSED', expect.arrayContaining(problems.map((one) => expect.stringMatching(one) as string))]);
    await bench.write('apps/api/deploy.json', policy({ ...verify, mode: 'warn' }));
    expect((await unpacked(archive)).notes).toEqual(expect.arrayContaining([expect.stringMatching(/^warning: /)]));
    await bench.write('apps/api/deploy.json', policy({ ...verify, mode: 'off' }));
    expect((await unpacked(archive)).notes.filter((note) => /signature|warning/.test(note))).toEqual([]);
  });

  test.each([
    ['is not there', () => rmSync(join(bench.root, 'apps/api/own.pub')), /verify\.keys: ".*own\.pub" cannot be read \(ENOENT\)/],
    ['is none', () => writeFileSync(join(bench.root, 'apps/api/own.pub'), 'x'), /verify\.keys\[0\]: it is neither the PEM of a public key nor/],
    ['is a secret one', () => writeFileSync(join(bench.root, 'apps/api/own.pub'), own === undefined ? '' : pem(own.privateKey)), /verify\.keys\[0\]: /],
  ])('with a key that %s is an error of the configuration, and no reason to take the package', async (_, change, problem) => {
    const archive = await signed(own?.privateKey);
    change();
    const told = await refusal(archive);
    expect([told.code, told.problems]).toEqual(['ND-CONFIG-INVALID', [expect.stringMatching(problem)]]);
    expect(JSON.stringify(told)).not.toContain('PRIVATE');
  });
});

test('a package of another service is refused, and a file that is none as well', async () => {
  await bench.project(packageFile());
  const { document } = await pack(bench);
  await bench.write('apps/api/deploy.json', packageFile({}, { service: 'shop' }));
  expect(await refusal(document.file)).toMatchObject({ code: 'ND-PACKAGE-REFUSED', what: 'the package is one of "api", not of shop' });
  writeFileSync(join(bench.root, 'x.tar.gz'), readFileSync(document.file).subarray(0, 500));
  expect(await refusal(join(bench.root, 'x.tar.gz'))).toMatchObject({ code: 'ND-PACKAGE-INVALID' });
});
