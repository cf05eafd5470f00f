import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { startLoad } from '../../../../../tools/load/launch.js';
import { parents } from '../../archive/manifest.js';
import { graph, membersIn, pack, packageFile, packagesOf } from './packages.spec-support.js';
import { file, folder, gzip, tar } from '../../package/archives.spec-support.js';
import { get, Workbench, type Ran } from '../workbench.spec-support.js';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
  await bench.start();
});
afterEach(() => bench.close());

const DEPLOY = { drain: '20s', watch: '0s', environments: { staging: { instances: 2, strategy: 'rolling' } } };

/** A package of that version, kept under a name of its own. */
async function packed(version: string, options = {}): Promise<string> {
  await bench.build(version);
  const { document, output } = await pack(bench, options);
  expect(output.errors).toEqual([]);
  const kept = join(bench.root, `${version}.tar.gz`);
  copyFileSync(document.file, kept);
  return kept;
}

async function deployed(options = {}): Promise<Ran> {
  const ran = await bench.deploy(options);
  expect([ran.document.outcome, ran.output.errors]).toEqual(['done', []]);
  return ran;
}

/** What the package holds, changed by somebody who also made the lists of digests that lie in it fit, or not. */
async function tampered(archive: string, path: string, content: string | Buffer | undefined, { fitting }: { readonly fitting: boolean }): Promise<string> {
  const members = Object.entries(await membersIn(archive));
  const contents = new Map(members.flatMap(([name, { type, content }]) => (type === 'File' ? [[name, Buffer.from(content, 'latin1')] as const] : [])));
  if (content === undefined) contents.delete(path);
  else contents.set(path, Buffer.from(content));
  if (fitting) {
    const lines = [...contents].filter(([name]) => !/^(?:checksums\.txt|provenance\.)/.test(name)).map(([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name}\n`);
    contents.set('checksums.txt', Buffer.from(lines.sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)).join('')));
  }
  const folders = [...new Set([...contents.keys()].flatMap(parents))].sort();
  const forged = join(bench.root, 'forged.tar.gz');
  writeFileSync(forged, gzip(tar(...folders.map(folder), ...[...contents].map(([name, content]) => file(name, content)))));
  return forged;
}

test('a package is deployed under load without one failed request, and rolled back; the same one again changes nothing', async () => {
  await bench.project(packageFile({}, DEPLOY));
  await packed('1');
  const { document: { url = '', release: first } } = await deployed();
  expect(JSON.parse((await get(url)).body)).toMatchObject({ version: '1' });
  const second = await packed('2');
  const load = await startLoad({ url, rate: 100, events: { count: 5, interval: 100 }, messages: { count: 5, interval: 100 }, slowMs: 300 });
  try {
    // The workspace is no longer what was packed.
    await bench.build('3');
    await deployed({ package: second });
    expect(JSON.parse((await get(url)).body)).toMatchObject({ version: '2' });
    const back = await bench.rollback();
    expect([back.document.outcome, back.document.release]).toEqual(['done', first]);
    const report = await load.stop();
    expect(report.failures).toBe(0);
    process.stdout.write(`a package deployed and rolled back: ${report.sent} requests, ${report.failures} failed, longest gap ${Math.round(report.longestGapMs)} ms\n`);
  } finally {
    await load.stop();
  }
  expect((await bench.deploy({ package: join(bench.root, '1.tar.gz') })).document.outcome).toBe('unchanged');
  expect(readdirSync(join(bench.home.folder, 'packages'))).toEqual([]);
}, 90_000);

test('its templates are filled in with the values of the environment, and what is missing or secret is refused by name', async () => {
  await bench.project(packageFile({ templates: ['config/*.template'] }, DEPLOY));
  await bench.write('apps/api/config/app.json.template', '{"greeting": "${GREETING}", "size": ${SIZE:-3}}');
  await packed('1');
  const refused = await bench.deploy();
  expect(refused.document).toMatchObject({ outcome: 'refused', error: { code: 'ND-PACKAGE-TEMPLATE', problems: ['"application/config/app.json.template": the variable GREETING is not set'] } });
  await bench.write('apps/api/environments/staging.env', 'GREETING=hello\n');
  await deployed();
  const [release] = readdirSync(join(bench.home.folder, 'services'), { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('config/app.json'));
  expect(readFileSync(join(bench.home.folder, 'services', release ?? ''), 'utf8')).toBe('{"greeting": "hello", "size": 3}');
  await bench.write('apps/api/environments/env.schema.json', { type: 'object', properties: { GREETING: { type: 'string', 'x-secret': true } } });
  const secret = await bench.deploy();
  expect(secret.document.error).toMatchObject({ code: 'ND-PACKAGE-TEMPLATE' });
  expect(JSON.stringify(secret.document)).not.toContain('hello');
}, 60_000);

describe('a package that is not what it was', () => {
  const cases: readonly (readonly [what: string, make: (archive: string) => Promise<string>, told: RegExp])[] = [
    ['a byte of the archive, found by the file beside it', (archive) => {
      const copy = join(bench.root, 'copy.tar.gz');
      const bytes = readFileSync(archive);
      writeFileSync(`${copy}.sha256`, `${createHash('sha256').update(bytes).digest('hex')}  copy.tar.gz\n`);
      bytes[bytes.length - 9] = (bytes[bytes.length - 9] ?? 0) ^ 0x80;
      writeFileSync(copy, bytes);
      return Promise.resolve(copy);
    }, /its digest is/],
    ['a file', (archive) => tampered(archive, 'application/main.js', 'process.exit(1)', { fitting: false }), /"application\/main.js": it was changed/],
    ['a file that was added', (archive) => tampered(archive, 'application/more.js', 'x', { fitting: false }), /"application\/more.js": it is not in checksums.txt/],
    ['the manifest', (archive) => tampered(archive, 'build-manifest.json', '{}', { fitting: false }), /"build-manifest.json": it was changed/],
    ['a document of another form', (archive) => tampered(archive, 'deployment-info.json', '{"schema": 2}', { fitting: true }), /deployment-info.json: it is missing, or no such document/],
  ];

  test('is refused and what was changed is named; what runs goes on', async () => {
    await bench.project(packageFile({}, DEPLOY));
    const archive = await packed('1');
    const { document: { url = '' } } = await deployed();
    for (const [what, make, told] of cases) {
      const { document } = await bench.deploy({ package: await make(archive) });
      expect([what, document.outcome, document.error?.code]).toEqual([what, 'refused', 'ND-PACKAGE-INVALID']);
      expect(document.error?.problems?.join('\n')).toMatch(told);
    }
    expect((await get(url)).status).toBe(200);
    expect(readdirSync(join(bench.home.folder, 'packages'))).toEqual([]);
  }, 60_000);
});

test('the policy of the environment refuses what no trusted key signed, also when every digest fits', async () => {
  const pairs = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  for (const [index, { privateKey, publicKey }] of pairs.entries()) {
    await bench.write(`key${index}.pem`, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
    await bench.write(`key${index}.pub`, publicKey.export({ format: 'pem', type: 'spki' }).toString());
  }
  const policy = (mode: string): object => packageFile({}, { ...DEPLOY, verify: { mode, keys: ['{workspaceRoot}/key0.pub'], provenance: true } });
  await bench.project(policy('enforce'));
  const unsigned = await packed('1');
  const other = await packed('2', { key: 'key1.pem' });
  const signed = await packed('3', { key: 'key0.pem' });
  const forged = await tampered(signed, 'application/version.txt', '4', { fitting: true });
  for (const [archive, told] of [[unsigned, /signature: the package has no signature/], [other, /signature: /], [forged, /signature: checksums.txt.sig/]] as const) {
    const { document } = await bench.deploy({ package: archive });
    expect([document.outcome, document.error?.code]).toEqual(['refused', 'ND-PACKAGE-REFUSED']);
    expect(document.error?.problems?.join('\n')).toMatch(told);
  }
  const { output } = await deployed({ package: signed });
  expect(output.events).toContainEqual({ type: 'note', text: 'signature: signed by key0.pub' });
  await bench.write('apps/api/deploy.json', policy('warn'));
  const warned = await deployed({ package: unsigned });
  expect(warned.output.events).toContainEqual({ type: 'note', text: 'warning: signature: the package has no signature' });
}, 60_000);

test('a byte of any document that speaks for a signed package, and each of them left out, is found and named', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await bench.write('key.pem', privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
  await bench.write('key.pub', publicKey.export({ format: 'pem', type: 'spki' }).toString());
  await bench.project(packageFile({ sbom: 'cyclonedx' }, { ...DEPLOY, verify: { mode: 'enforce', keys: ['{workspaceRoot}/key.pub'], provenance: true, requireSbom: true } }));
  const archive = await packed('1', { key: 'key.pem', graph });
  const members = await membersIn(archive);
  const documents = Object.keys(members).filter((path) => !path.includes('/') && members[path]?.type === 'File');
  expect(documents).toEqual(expect.arrayContaining(['build-manifest.json', 'checksums.txt', 'checksums.txt.sig', 'deployment-info.json', 'provenance.intoto.json', 'provenance.sigstore.json', 'sbom.cdx.json', 'version-compatibility.json']));
  // Two signatures cover everything: with one of them alone the package is still what somebody signed.
  const spare = 'checksums.txt.sig';
  for (const path of documents) {
    const bytes = Buffer.from(members[path]?.content ?? '', 'latin1');
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x01;
    for (const content of path === spare ? [bytes] : [bytes, undefined]) {
      const { document } = await bench.deploy({ package: await tampered(archive, path, content, { fitting: false }) });
      expect([path, document.outcome, document.error?.code]).toEqual([path, 'refused', expect.stringMatching(/^ND-PACKAGE-(?:INVALID|REFUSED)$/)]);
      expect(document.error?.problems?.join('\n')).toContain(path);
    }
  }
  expect((await bench.status()).deployed).toBe(false);
  await deployed({ package: archive });
}, 120_000);

test('what is not for this target, not of this service or not there is refused before anything changes', async () => {
  await bench.project(packageFile({ requires: { node: '>=99', services: [{ name: 'billing' }, { name: 'db', at: '${DATABASE_URL}' }] } }, DEPLOY));
  const archive = await packed('1');
  expect((await bench.deploy()).document).toMatchObject({ outcome: 'refused', error: { code: 'ND-PACKAGE-INCOMPATIBLE', problems: [
    expect.stringContaining('it needs >=99'), expect.stringMatching(/^billing: no service of this name was deployed to staging/), expect.stringMatching(/^db: .*the variable DATABASE_URL is not set/),
  ] } });
  await bench.write('apps/api/deploy.json', packageFile({}, { ...DEPLOY, service: 'shop' }));
  expect((await bench.deploy({ package: archive })).document.error).toMatchObject({ code: 'ND-PACKAGE-REFUSED' });
  expect((await bench.deploy({ package: 'none.tar.gz' })).document.error).toMatchObject({ code: 'ND-PACKAGE-MISSING' });
  writeFileSync(join(packagesOf(bench), 'second.tar.gz'), '');
  expect((await bench.deploy()).document.error).toMatchObject({ code: 'ND-PACKAGE-MISSING', what: 'there are several packages of api' });
  expect((await bench.status()).deployed).toBe(false);
}, 60_000);
