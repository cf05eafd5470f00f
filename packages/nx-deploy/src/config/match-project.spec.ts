import { matchProjects } from './match-project.js';

const known = ['@shop/api', '@shop/api-e2e', '@shop/web', '@store/web', 'admin', 'a.b'];

it.each([
  ['the whole name', '@shop/api', ['@shop/api']],
  ['what stands behind the scope', 'api', ['@shop/api']],
  ['in any case', 'API', ['@shop/api']],
  ['a part that several have', 'web', ['@shop/web', '@store/web']],
  ['a part with a dash is one part', 'e2e', []],
  ['the scope', 'shop', []],
  ['a pattern is a name like any other', 'a.b', ['a.b']],
  ['no pattern', '@shop/.*', []],
  ['hostile', '(((', []],
  ['nothing', '', []],
])('%s', (_what, name, found) => {
  expect(matchProjects(name, known)).toEqual(found);
});

it('prefers the project that is called so', () => {
  expect(matchProjects('api', ['@shop/api', 'api'])).toEqual(['api']);
});
