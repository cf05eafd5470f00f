import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { nodeFiles } from './node-files.js';
import { describeStateFiles } from './state-files.spec-support.js';
import { describeStateStore } from './state-store.spec-support.js';

const root = temporaryFolder('node-files');
let count = 0;
const fresh = (): string => join(root, String(count += 1));

describeStateFiles('state in a folder of this machine', () => Promise.resolve(nodeFiles(fresh())));

describeStateStore('a store in a folder of this machine', () => Promise.resolve(nodeFiles(fresh())));

describe('nodeFiles', () => {
  it('makes files and folders that only their owner reads, however they are made', async () => {
    const folder = fresh();
    const files = nodeFiles(folder);
    await files.write('write/a', 'x');
    await files.append('append/a', 'x');
    await files.create('create/a', 'x');
    const modes = await Promise.all(['write', 'append', 'create'].flatMap((name) => [name, `${name}/a`]).map(async (path) => (await stat(join(folder, path))).mode & 0o777));
    expect(modes).toEqual([0o700, 0o600, 0o700, 0o600, 0o700, 0o600]);
  });

  it('knows names of any form', async () => {
    const folder = fresh();
    await mkdir(folder);
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'a name\nof two lines'), 'x');
    expect(await nodeFiles(folder).names('')).toEqual(['a name\nof two lines']);
    expect((await nodeFiles(folder).read('a name\nof two lines'))?.toString()).toBe('x');
  });
});
