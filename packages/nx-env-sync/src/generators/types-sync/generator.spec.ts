import { addProjectConfiguration, type Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { declareTypes, MADE_HERE } from '../../declarations/declare-types.js';
import { parseSchema } from '../../schema.js';
import typesSync from './generator.js';

let tree: Tree;
beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
  addProjectConfiguration(tree, 'api', { root: 'apps/api', sourceRoot: 'apps/api/src', targets: { types: { executor: 'nx-env-sync:types', options: { outputFile: '{projectRoot}/types/{projectName}.d.ts' } }, other: { executor: 'nx-env-sync:validate', options: { outputFile: 'x.d.ts' } } } });
  addProjectConfiguration(tree, 'web', { root: 'apps/web' });
  tree.write('environments/env.schema.json', '{"properties":{"SHARED":{}}}');
  tree.write('apps/api/environments/env.schema.json', '{"properties":{"OWN":{}}}');
});

it('does nothing where no types were made', () => {
  tree.write('apps/api/src/env.d.ts', '// mine\n');
  tree.write('x.d.ts', `${MADE_HERE}\n`);
  const before = tree.listChanges();
  expect(typesSync(tree)).toEqual({});
  expect(tree.listChanges()).toEqual(before);
});

it('tells of the files that are not what the schemas say, and writes them anew', () => {
  for (const file of ['apps/api/src/env.d.ts', 'apps/api/types/api.d.ts', 'apps/web/env.d.ts']) tree.write(file, `${MADE_HERE}\n`);
  expect(typesSync(tree)).toEqual({ outOfSyncMessage: 'Types of environment variables are not what env.schema.json says.', outOfSyncDetails: ['apps/api/src/env.d.ts', 'apps/api/types/api.d.ts', 'apps/web/env.d.ts'] });
  expect(tree.read('apps/api/types/api.d.ts', 'utf8')).toBe(declareTypes(parseSchema('{"properties":{"SHARED":{},"OWN":{}}}', '').schema));
  expect(tree.read('apps/web/env.d.ts', 'utf8')).toBe(declareTypes(parseSchema('{"properties":{"SHARED":{}}}', '').schema));
  expect(typesSync(tree)).toEqual({});
});

it('leaves a file whose schema is not valid or gone', () => {
  tree.write('apps/api/src/env.d.ts', `${MADE_HERE}\n`);
  tree.write('apps/api/environments/env.schema.json', '{');
  expect(typesSync(tree)).toEqual({});
  tree.delete('apps/api/environments/env.schema.json');
  tree.delete('environments/env.schema.json');
  expect(typesSync(tree)).toEqual({});
});
