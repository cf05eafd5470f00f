/** What a package says of its API and of what it needs, and whether that is here. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PackageArtifact } from '../../config/index.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { assertFits, compatibilityOf, misfits } from './compatibility.js';

const root = temporaryFolder('compatibility');
const folder = join(root, 'apps/api');
beforeEach(() => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
});

const context = { workspaceRoot: root, projectName: 'api', projectRoot: 'apps/api', environment: undefined, variables: {} };
const write = (files: Readonly<Record<string, string>>): void => { for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text); };
const of = (document: string, previous?: string, requires: PackageArtifact['requires'] = { services: [] }) =>
  compatibilityOf(context, { requires, api: { document: join(folder, document), ...(previous === undefined ? {} : { previous: join(folder, previous) }) } } as PackageArtifact, 'api', '2.0.0');

const YAML = `openapi: 3.1.0
info: { version: 1.0.0 }
components:
  schemas:
    Order: &order
      type: object
      required: [id]
      properties:
        id: { type: string }
        total: { type: number }
paths:
  /orders:
    get: &get
      parameters:
        - { name: page, in: query, schema: { type: integer } }
      responses:
        200: { content: { application/json: { schema: *order } } }
    head:
      <<: *get
      summary: the same without a body
`;
const JSON_OF_IT = JSON.stringify({
  openapi: '3.1.0', info: { version: '1.0.0' },
  paths: { '/orders': Object.fromEntries(['get', 'head'].map((method) => [method, { parameters: [{ name: 'page', in: 'query', schema: { type: 'integer' } }], responses: { 200: { content: { 'application/json': { schema: { type: 'object', required: ['id'], properties: { id: { type: 'string' }, total: { type: 'number' } } } } } } } }])) },
});

describe('an OpenAPI document in YAML', () => {
  test('is packed as it is, and compared with YAML and JSON alike: anchors, merge keys and statuses as numbers are what they are in JSON', async () => {
    write({ 'new.yaml': YAML, 'old.yml': YAML, 'old.json': JSON_OF_IT, 'new.json': JSON_OF_IT });
    for (const [now, before] of [['new.yaml', 'old.yml'], ['new.yaml', 'old.json'], ['new.json', 'old.yml']] as const) {
      const { document: { api }, files } = await of(now, before);
      expect([now, before, api?.compatible, api?.breaking, api?.version, api?.previous?.version]).toEqual([now, before, true, [], '1.0.0', '1.0.0']);
      expect([...files].map(([path, bytes]) => [path, bytes.toString()])).toEqual([now === 'new.json' ? ['docs/api.json', JSON_OF_IT] : ['docs/api.yaml', YAML]]);
    }
  });

  test('that takes something away is told, once for each place that it is shared by', async () => {
    write({ 'new.yaml': YAML.replace('        total: { type: number }\n', '').replace('required: [id]', 'required: []').replace('in: query, schema', 'in: query, required: true, schema'), 'old.yaml': YAML });
    const { document: { api } } = await of('new.yaml', 'old.yaml');
    expect(api).toMatchObject({ compatible: false, breaking: ['GET', 'HEAD'].flatMap((method) => [
      `${method} /orders: the query parameter page is now required`, `${method} /orders: the response 200: the property id may now be missing`, `${method} /orders: the response 200: the property total is gone`,
    ]) });
  });

  test('that holds itself by an alias ends', async () => {
    write({ 'new.yaml': 'openapi: 3.1.0\npaths:\n  /a:\n    get:\n      responses:\n        200: { content: { application/json: { schema: &node { type: object, properties: { next: *node } } } } }\n', 'old.json': '{"paths":{}}' });
    expect((await of('new.yaml', 'new.yaml')).document.api?.breaking).toEqual([]);
  });

  const BOMB = `a: &a [x, x, x, x, x, x, x, x, x, x]\n${Array.from({ length: 12 }, (_, level) => `${'bcdefghijklm'[level] ?? ''}: &${'bcdefghijklm'[level] ?? ''} [${Array.from({ length: 10 }, () => `*${'abcdefghijkl'[level] ?? ''}`).join(', ')}]`).join('\n')}\npaths: {}\n`;

  test.each([
    ['a tab for indentation', 'paths:\n\t/a: {}\n', /./], ['a key twice', 'paths: {}\npaths: {}\n', /unique/i], ['two documents', 'paths: {}\n---\npaths: {}\n', /document/i], ['an alias to nothing', 'paths: *none\n', /alias/i],
    ['a bomb of aliases', BOMB, /alias/i], ['another document in it', 'paths: { /a: { $ref: "orders.yaml#/a" } }', /refers to other documents.*"orders.yaml#\/a".*bundle them/], ['text', 'just text', /it has no "paths"/], ['nothing', '', /it has no "paths"/], ['paths that are a list', 'paths: [1]', /it has no "paths"/],
  ])('with %s is refused by its name', async (_, text, why) => {
    write({ 'new.yaml': text });
    await expect(of('new.yaml')).rejects.toMatchObject({ code: 'ND-CONFIG-INVALID', parts: { what: 'an OpenAPI document cannot be read', where: JSON.stringify(join(folder, 'new.yaml')), why: expect.stringMatching(why) } });
  });
});

test.each([
  ['new.json', undefined, {}, /ENOENT/, /new\.json/], ['new.json', undefined, { 'new.json': '{"paths":' }, /JSON/, /new\.json/], ['new.json', undefined, { 'new.json': 'null' }, /no "paths"/, /new\.json/],
  ['new.json', 'old.json', { 'new.json': '{"paths":{}}' }, /ENOENT/, /old\.json/], ['new.json', 'old.yaml', { 'new.json': '{"paths":{}}', 'old.yaml': '- 1' }, /no "paths"/, /old\.yaml/],
])('%s beside %s is refused by the file that cannot be read', async (document, previous, files, why, where) => {
  write(files);
  await expect(of(document, previous)).rejects.toMatchObject({ code: 'ND-CONFIG-INVALID', parts: { where: expect.stringMatching(where), why: expect.stringMatching(why) } });
});

test('a release before that is no package is refused as such', async () => {
  write({ 'new.json': '{"paths":{}}', 'old.tar.gz': 'x'.repeat(100) });
  await expect(of('new.json', 'old.tar.gz')).rejects.toMatchObject({ code: 'ND-PACKAGE-INVALID' });
});

test('without a range of Node in deploy.json that of the project counts, then that of the workspace, then none', async () => {
  const node = async (): Promise<string | undefined> => (await compatibilityOf(context, { requires: { services: [] } } as unknown as PackageArtifact, 'api', '1')).document.node;
  const shared = join(root, 'package.json');
  rmSync(shared, { force: true });
  expect(await node()).toBeUndefined();
  writeFileSync(shared, '{"engines":{"node":">=20"}}');
  expect(await node()).toBe('>=20');
  for (const [own, range] of [['{', '>=20'], ['{"engines":[]}', '>=20'], ['{"engines":{"node":18}}', '>=20'], ['{"engines":{"node":"^22"}}', '^22']] as const) {
    write({ 'package.json': own });
    expect([own, await node()]).toEqual([own, range]);
  }
  write({ 'package.json': '{"engines":{"node":"lts/*"}}' });
  await expect(node()).rejects.toMatchObject({ code: 'ND-CONFIG-INVALID', parts: { problems: [expect.stringMatching(/^node: "lts\/\*" is no range/)] } });
});

test('what does not fit this machine is told with both sides', () => {
  const here = { os: 'linux', architecture: 'amd64', libc: 'glibc' };
  const at = (node: string | undefined, machine: object | undefined, where = here): readonly string[] => misfits({ compatibility: { ...(node === undefined ? {} : { node }) }, info: { ...(machine === undefined ? {} : { machine }) } } as Parameters<typeof misfits>[0], '22.12.0', where);
  expect(at(undefined, undefined)).toEqual([]);
  expect(at('>=20', here)).toEqual([]);
  expect(at('>=24', { ...here, libc: 'musl' })).toEqual(['Node: it needs >=24, and the target has 22.12.0', 'native addons: they were made for linux, amd64, musl, and the target is linux, amd64, glibc']);
  expect(at('\u001b[31m', { os: 'darwin', architecture: 'arm64' })).toEqual([expect.stringContaining('it needs \\u001b[31m'), 'native addons: they were made for darwin, arm64, and the target is linux, amd64, glibc']);
  expect(() => assertFits([], '/a')).not.toThrow();
  expect(() => assertFits(['x'], '/a\n')).toThrow(expect.objectContaining({ code: 'ND-PACKAGE-INCOMPATIBLE', parts: expect.objectContaining({ where: '"/a\\n"', problems: ['x'] }) }));
});
