import type * as Devkit from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { formatNew } from './format.js';

/** A formatter: two spaces, and no trailing comma. */
const formatted = (text: string): string => text.replaceAll('\t', '  ').replaceAll(/,(\s*\})/g, '$1');

jest.mock('@nx/devkit', () => ({
  ...jest.requireActual<typeof Devkit>('@nx/devkit'),
  formatFiles: (tree: Tree) => {
    for (const { path, content } of tree.listChanges()) tree.write(path, formatted(String(content)));
  },
}));

it('formats what is new, and what was formatted before it was changed; nothing else is left behind', async () => {
  const tree = createTreeWithEmptyWorkspace();
  tree.write('new.json', '{\n\t"a": 1\n}\n');
  tree.write('theirs/deploy.json', '{\n\t"a": 1,\n\t"b": 2,\n}\n');
  tree.write('formatted/deploy.json', '{\n  "a": 1,\n\t"b": 2\n}\n');
  const files = tree.listChanges().map(({ path }) => path);
  await formatNew(tree, new Map([['theirs/deploy.json', '{\n\t"a": 1,\n}\n'], ['formatted/deploy.json', '{\n  "a": 1\n}\n']]));
  expect(['new.json', 'theirs/deploy.json', 'formatted/deploy.json'].map((file) => tree.read(file, 'utf8'))).toEqual(['{\n  "a": 1\n}\n', '{\n\t"a": 1,\n\t"b": 2,\n}\n', '{\n  "a": 1,\n  "b": 2\n}\n']);
  expect(tree.listChanges().map(({ path }) => path)).toEqual(files);
});
