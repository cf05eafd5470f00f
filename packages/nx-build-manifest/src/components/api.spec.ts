import { join } from 'node:path';
import { testWorkspace } from '../workspace.spec-support.js';
import { api, apiFacts, type ApiFacts } from './api.js';

const workspace = testWorkspace();
const find = async (openapi?: readonly string[]): Promise<readonly ApiFacts[] | undefined> =>
  api.find({ workspaceRoot: workspace.root, projectRoot: join(workspace.root, 'apps/api'), projectName: 'api', artifacts: [], ...(openapi === undefined ? {} : { openapi }) });

const YAML = `openapi: 3.1.0
info: { title: Orders, version: 2.0.0 }
paths:
  /orders:
    post: { responses: {} }
    get: { responses: {} }
    parameters: []
  /admin: { $ref: '#/components/pathItems/a~1b' }
  /other: { $ref: './other.yaml' }
  x-internal: {}
components: { pathItems: { a/b: { delete: {} } } }
`;

describe('an API', () => {
  it('is read from YAML, with references within the file', async () => {
    workspace.write({ 'apps/api/openapi.yaml': YAML });
    const [facts] = await find() ?? [];
    expect(facts).toMatchObject({ file: 'apps/api/openapi.yaml', specification: 'openapi 3.1.0', title: 'Orders', version: '2.0.0', count: 3, unread: ['/other'] });
    expect(facts?.routes).toEqual([{ method: 'DELETE', path: '/admin' }, { method: 'GET', path: '/orders' }, { method: 'POST', path: '/orders' }]);
  });

  it('is read from JSON, also of Swagger 2', async () => {
    workspace.write({ 'apps/api/docs/swagger.json': { swagger: '2.0', paths: { '/a': { get: {}, 'x-get': {} } } } });
    expect(await find()).toMatchObject([{ specification: 'swagger 2.0', routes: [{ method: 'GET', path: '/a' }] }]);
    expect((await apiFacts('x.json', '{"openapi":"3.0.0"}')).routes).toEqual([]);
  });

  it('is none without a file, but a file that was named must be there', async () => {
    expect(await find()).toBeUndefined();
    await expect(find(['api.yaml'])).rejects.toThrow('api.yaml: does not exist');
  });

  it.each([
    ['x.json', '{', 'is not valid JSON'],
    ['x.yaml', 'a: [', 'is not valid YAML'],
    ['x.yaml', 'a: 1\na: 2', 'is not valid YAML: Map keys must be unique'],
    ['x.yaml', '- 1', 'must hold an OpenAPI document'],
    ['x.yaml', 'openapi: 3.1', 'openapi: must be the version'],
    ['x.json', '{"openapi":"3.0.0","paths":[]}', 'paths: must be an object'],
    ['x.json', '{"openapi":"3.0.0","paths":{"/a":null}}', 'paths./a: must be an object'],
    ['x.json', '{"openapi":"3.0.0","paths":{"/a":{"$ref":"#/constructor/x"}}}', 'paths./a: must be an object'],
    ['x.yaml', `openapi: 3.0.0\na: &a [1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`, 'alias'],
  ])('%s with %j is refused: %s', async (file, text, message) => {
    workspace.write({ [file]: text });
    await expect(find([file])).rejects.toThrow(message);
    await expect(find([file])).rejects.toThrow(`${file}: `);
  });
});
