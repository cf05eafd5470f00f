/** Names of files that are bytes and no text: two of them may look the same. */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSigningKey } from './keys.js';
import { signPackage } from './sign-package.js';
import { BUILD, ecdsaKey, folderWith, PACKAGE } from './signing.spec-support.js';
import { verifyPackage } from './verify-package.js';

const KEY = ecdsaKey();
let folder: string;
let remove: () => Promise<void>;
beforeEach(async () => { ({ folder, remove } = await folderWith(PACKAGE)); });
afterEach(async () => remove());

const at = (path: string): string => join(folder, path);
const sign = async (files?: readonly string[]): Promise<readonly string[]> => signPackage({ folder, build: BUILD, key: await parseSigningKey(KEY.secret), ...(files === undefined ? {} : { files }) });
/** A path in the folder whose last byte is no UTF-8. */
const bytesAt = (name: string, byte: number): Buffer => Buffer.concat([Buffer.from(at(name)), Buffer.from([byte])]);

// Other systems have no such names.
(process.platform === 'linux' ? describe : describe.skip)('a name that is not UTF-8', () => {
  it('is not signed', async () => {
    writeFileSync(bytesAt('bad', 0xff), '');
    symlinkSync(bytesAt('to', 0xfe), at('link'));
    await expect(sign()).rejects.toThrow('bad\ufffd has a name that is not UTF-8; link leads to a name that is not UTF-8');
    expect(await sign(['build-manifest.json'])).toHaveLength(4);
  });

  it('is not taken for the one that is listed and looks like it', async () => {
    await mkdir(at('scripts\ufffd'));
    for (const path of ['bad\ufffd', 'scripts\ufffd/x']) await writeFile(at(path), 'good');
    await symlink('bad\ufffd', at('link'));
    await sign();
    expect((await verifyPackage({ folder, policy: { mode: 'enforce', keys: [KEY.trusted] } })).accepted).toBe(true);
    writeFileSync(bytesAt('bad', 0xff), 'evil');
    mkdirSync(bytesAt('scripts', 0xff));
    writeFileSync(Buffer.concat([bytesAt('scripts', 0xff), Buffer.from('/x')]), 'evil');
    await rm(at('link'));
    symlinkSync(Buffer.from([0x62, 0x61, 0x64, 0xff]), at('link'));
    const { accepted, rules } = await verifyPackage({ folder, policy: { mode: 'enforce', keys: [KEY.trusted] } });
    expect(accepted).toBe(false);
    expect(rules.flatMap(({ rule, findings }) => findings.map(({ file, problem }) => `${rule}: ${file ?? ''} ${problem}`))).toEqual(['files: link is missing', 'unlisted: bad\ufffd has a name that is not UTF-8', 'unlisted: link leads to a name that is not UTF-8', 'unlisted: scripts\ufffd has a name that is not UTF-8']);
  });
});
