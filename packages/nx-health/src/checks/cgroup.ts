/** What the limit of a container counts as used and gives back on demand. */
import { readFile } from 'node:fs/promises';

const ROOT = '/sys/fs/cgroup';

/**
 * Bytes of the page cache of this process's cgroup that are reclaimed before anything is ended, as `docker stats` and the kubelet count;
 * 0 where none is to be found. https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.stat), and that of version 1.
 */
export async function reclaimable(read: (path: string) => Promise<string> = (path) => readFile(path, 'latin1')): Promise<number> {
  const text = (path: string): Promise<string> => read(path).catch(() => '');
  const own = await text('/proc/self/cgroup');
  const v1 = /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m.exec(own)?.[1];
  const [root, key, path] = v1 === undefined ? [ROOT, 'inactive_file', /^0::(.*)$/m.exec(own)?.[1]] as const : [`${ROOT}/memory`, 'total_inactive_file', v1] as const;
  // The path is that of the host where the container has no namespace of its own; what it sees then is at the root.
  for (const folder of [`${root}${path ?? ''}`, root]) {
    const found = new RegExp(`^${key} (\\d+)$`, 'm').exec(await text(`${folder}/memory.stat`))?.[1];
    if (found !== undefined) return Number(found);
  }
  return 0;
}
