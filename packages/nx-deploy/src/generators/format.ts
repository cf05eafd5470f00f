/** Formats what a generator wrote, but for files of a person that are not written as the formatter of the workspace would. */
import { formatFiles } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { posix } from 'node:path';

/** Files that were there before they were changed, with the text that they had. */
export type Before = Map<string, string>;

/** Whether a formatter would have left a file alone tells a copy of it beside it, which is gone afterwards. */
export async function formatNew(tree: Tree, before: Before): Promise<void> {
  const files = [...before].map(([file, text]) => ({ file, text, written: tree.read(file, 'utf8') ?? '', copy: freeName(tree, file) }));
  for (const { copy, text } of files) tree.write(copy, text);
  await formatFiles(tree);
  for (const { file, text, written, copy } of files) {
    if (tree.read(copy, 'utf8') !== text) tree.write(file, written);
    tree.delete(copy);
  }
}

/** Of the same kind: the settings of a formatter go by folders and endings. */
function freeName(tree: Tree, file: string): string {
  for (let number = 1; ; number += 1) {
    const name = posix.join(posix.dirname(file), `before-${number}-${posix.basename(file)}`);
    if (!tree.exists(name)) return name;
  }
}
