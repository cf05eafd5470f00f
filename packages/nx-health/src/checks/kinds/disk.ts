import { statfs } from 'node:fs/promises';
import { resolve } from 'node:path';
import { above } from '../above.js';
import { kind } from '../kind.js';
import { limits, line } from '../values.js';

export const disk = kind({
  name: 'disk',
  description: 'A file system has space, and files, left.',
  shape: { path: line('a path', { description: 'Any path on the file system.' }).prefault('/'), ...limits(100, 'percent used', { degraded: 85, unhealthy: 95 }) },
  target: ({ path }) => `disk ${path}`,
  ask: async ({ path, ...levels }, { waitingFor }, { folder }) => {
    waitingFor('no answer of the file system');
    const { blocks, bfree, bavail, files, ffree } = await statfs(resolve(folder, path));
    // As df counts: what only root may use is no part of the whole.
    const space = share(blocks - bfree, blocks - bfree + bavail);
    const inodes = share(files - ffree, files);
    return inodes > space ? above(inodes, levels, 'percent', `${path} has ${inodes.toFixed(1)}% of its files used`) : above(space, levels, 'percent', `${path} is ${space.toFixed(1)}% full`);
  },
});

/** Some file systems (btrfs, overlay) count no files: 0 of 0. */
function share(used: number, all: number): number {
  return all > 0 ? (used / all) * 100 : 0;
}
