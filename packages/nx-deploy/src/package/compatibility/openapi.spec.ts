import { breakingChanges } from './openapi.js';

const order = (more: object = {}): object => ({ type: 'object', required: ['id'], properties: { id: { type: 'string' }, total: { type: 'number' }, state: { type: 'string', enum: ['new', 'paid'] }, ...more } });
const json = (schema: object): object => ({ content: { 'application/json': { schema } } });

function api({ get = {}, post = {}, paths = {}, schema = order() }: { get?: object; post?: object; paths?: object; schema?: object } = {}): Record<string, unknown> {
  // As it would stand in a file.
  return JSON.parse(JSON.stringify({
    openapi: '3.1.0', info: { version: '1.0.0' },
    components: { schemas: { Order: schema, Node: { type: 'object', properties: { next: { $ref: '#/components/schemas/Node' } } } } },
    paths: {
      '/orders/{id}': { parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }], get: { parameters: [{ name: 'full', in: 'query', schema: { type: 'boolean' } }], responses: { 200: json({ $ref: '#/components/schemas/Order' }), 404: { description: 'none' } }, ...get } },
      '/orders': { post: { requestBody: { ...json({ $ref: '#/components/schemas/Order' }) }, responses: { 201: { description: 'made' } }, ...post }, get: { responses: { 200: json({ type: 'array', items: { $ref: '#/components/schemas/Node' } }) } } },
      ...paths,
    },
  })) as Record<string, unknown>;
}

test('what is added, renamed in a path, made optional or documented otherwise breaks nobody', () => {
  const after = api({
    paths: { '/orders/{id}': undefined, '/orders/{order}': { get: { parameters: [{ name: 'full', in: 'query', schema: { type: ['boolean', 'string'] } }, { name: 'page', in: 'query' }], responses: { 200: json({ $ref: '#/components/schemas/Order' }), 500: {} } }, delete: { responses: {} } }, '/new': {} },
    schema: { type: 'object', required: ['id'], properties: { id: { type: 'string' }, total: { type: 'integer' }, state: { type: 'string', enum: ['new', 'paid', 'sent'] }, note: { type: 'string' } } },
  });
  // A number that becomes a whole one in a response is still a number; in a request it is not.
  expect(breakingChanges(api(), after)).toEqual(['POST /orders: the request body: total may no longer be of type number']);
  expect(breakingChanges(api(), api())).toEqual([]);
});

test.each<[string, Record<string, unknown>, string[]]>([
  ['the type of what stands in a path', api({ paths: { '/orders/{id}': undefined, '/orders/{order}': { get: { parameters: [{ name: 'order', in: 'path', required: true, schema: { type: 'integer' } }], responses: { 200: json({ $ref: '#/components/schemas/Order' }), 404: {} } } } } }), ['GET /orders/{id}: the path parameter 1 may no longer be of type string']],
  ['a path', api({ paths: { '/orders': undefined } }), ['/orders: the path is gone']],
  ['an operation', api({ paths: { '/orders': { get: { responses: { 200: json({ type: 'array', items: { $ref: '#/components/schemas/Node' } }) } } } } }), ['POST /orders: the operation is gone']],
  ['a parameter that is required', api({ get: { parameters: [{ name: 'full', in: 'query', required: true, schema: { type: 'boolean' } }] } }), ['GET /orders/{id}: the query parameter full is now required']],
  ['a new header that is required', api({ get: { parameters: [{ name: 'full', in: 'query', schema: { type: 'boolean' } }, { name: 'x-key', in: 'header', required: true }] } }), ['GET /orders/{id}: the header parameter x-key is now required']],
  ['the type of a parameter', api({ get: { parameters: [{ name: 'full', in: 'query', schema: { type: 'integer' } }] } }), ['GET /orders/{id}: the query parameter full may no longer be of type boolean']],
  ['the values of a parameter', api({ get: { parameters: [{ name: 'full', in: 'query', schema: { type: 'boolean', enum: [true] } }] } }), ['GET /orders/{id}: the query parameter full may no longer have every value']],
  ['a body that is required', api({ post: { requestBody: { required: true, ...json({ $ref: '#/components/schemas/Order' }) } } }), ['POST /orders: the request body is now required']],
  ['the type of a body', api({ post: { requestBody: { content: { 'text/plain': {} } } } }), ['POST /orders: the request body may no longer be application/json']],
  ['a property of a request and of a response', api({ schema: { type: 'object', required: ['id', 'total'], properties: { id: { type: 'string' }, total: { type: 'number' }, state: { type: 'string', enum: ['new'] } } } }), [
    'POST /orders: the request body: state may no longer be "paid"', 'POST /orders: the request body: the property total is now required']],
  ['a property of a response', api({ schema: { type: 'object', properties: { id: { type: 'string' }, state: { type: ['string', 'null'] } } } }), [
    'GET /orders/{id}: the response 200: state may now be of type null', 'GET /orders/{id}: the response 200: the property id may now be missing', 'GET /orders/{id}: the response 200: the property total is gone']],
  ['a response', api({ get: { responses: { 204: {} } } }), ['GET /orders/{id}: the response 200 is gone']],
  ['the type of a response', api({ get: { responses: { 200: { content: { 'text/csv': {} } } } } }), ['GET /orders/{id}: the response 200 is no longer application/json']],
  ['what a list holds', api({ paths: { '/orders': { ...(api()['paths'] as Record<string, object>)['/orders'], get: { responses: { 200: json({ type: 'array', items: { type: 'object', properties: {} } }) } } } } }), ['GET /orders: the response 200[]: the property next is gone']],
])('%s that is taken away is told', (_, after, expected) => {
  const found = breakingChanges(api(), after);
  expect(found).toEqual(expected);
});

test('allOf is read as one, and references that lead nowhere say nothing', () => {
  const composed = api({ schema: { allOf: [{ $ref: '#/components/schemas/Missing' }, order(), { required: ['note'], properties: { note: { type: 'string' } } }] } });
  expect(breakingChanges(api(), composed)).toEqual(['POST /orders: the request body: the property note is now required']);
  const circle = { paths: { '/a': { $ref: '#/paths/~1a' } } };
  expect(breakingChanges(circle, circle)).toEqual([]);
  expect(breakingChanges({ paths: { '/a': { $ref: 'other.json' } } }, { paths: { '/a': { $ref: '#/%E0%A4%A' } } })).toEqual([]);
});

test('Swagger 2.0: types beside names, schemas beside responses', () => {
  const old = { swagger: '2.0', paths: { '/a': { get: { parameters: [{ name: 'n', in: 'query', type: 'string' }], responses: { 200: { schema: { properties: { a: {} } } } } } } } };
  const now = { swagger: '2.0', paths: { '/a': { get: { parameters: [{ name: 'n', in: 'query', type: 'integer' }, { name: 'b', in: 'body', required: true }], responses: { 200: { schema: { properties: {} } } } } } } };
  expect(breakingChanges(old, now)).toEqual(['GET /a: the query parameter n may no longer be of type string', 'GET /a: the request body is now required', 'GET /a: the response 200: the property a is gone']);
});
