import { reclaimable } from './cgroup.js';

const V1 = '5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n';
const STAT1 = 'cache 900\ninactive_file 1\ntotal_inactive_file 300\n';

it.each<[string, Readonly<Record<string, string>>, number]>([
  ['version 2 in a namespace', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup//memory.stat': 'anon 5\nfile 900\ninactive_file 700\n' }, 700],
  ['version 2 at a path', { '/proc/self/cgroup': '0::/system.slice/api.service\n', '/sys/fs/cgroup/system.slice/api.service/memory.stat': 'inactive_file 12\n' }, 12],
  ['version 2 whose path is that of the host', { '/proc/self/cgroup': '0::/docker/abc\n', '/sys/fs/cgroup/memory.stat': 'inactive_file 13\n' }, 13],
  ['version 1', { '/proc/self/cgroup': V1, '/sys/fs/cgroup/memory/docker/abc/memory.stat': STAT1 }, 300],
  ['version 1 whose path is that of the host', { '/proc/self/cgroup': V1.replace('memory', 'hugetlb,memory'), '/sys/fs/cgroup/memory/memory.stat': STAT1 }, 300],
  ['no such line', { '/proc/self/cgroup': '0::/\n', '/sys/fs/cgroup//memory.stat': 'anon 5\n' }, 0],
  ['no cgroups', {}, 0],
])('%s', async (_what, files, bytes) => {
  expect(await reclaimable((path) => (files[path] === undefined ? Promise.reject(new Error('ENOENT')) : Promise.resolve(files[path])))).toBe(bytes);
});
