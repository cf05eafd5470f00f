/**
 * Where the image of a project lies below `dist/images`: in the folder of its root. A part of a nested root that is named like an output itself is set off by "_", as the
 * image of `libs/image` would lie within that of `libs` otherwise. No two roots have one folder.
 */
export function imageFolder(projectRoot: string): string {
  return projectRoot.split('/').map((part, index) => (index > 0 && OUTPUT.test(part) ? `_${part}` : part)).join('/');
}

/** File systems that do not tell small letters from capitals take `Image` for `image`. */
const OUTPUT = /^_*image(?:\.json)?$/i;
