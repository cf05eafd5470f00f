import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashFile } from './hash-file.js';
import { testWorkspace } from './workspace.spec-support.js';

const workspace = testWorkspace();

test.each([0, 1, 511, 512, 1024 * 1024 - 1, 1024 * 1024, 1024 * 1024 + 1, 5_000_003])('the digest of %i bytes is that of node:crypto in one go', async (bytes) => {
  const content = Buffer.alloc(bytes, 'nx-build-manifest');
  writeFileSync(join(workspace.root, 'file'), content);
  expect(await hashFile(join(workspace.root, 'file'))).toEqual({ bytes, sha256: createHash('sha256').update(content).digest('hex') });
});

test('a file that is not there is an error of the system', async () => {
  await expect(hashFile(join(workspace.root, 'none'))).rejects.toThrow('ENOENT');
});
