/** Values of a release's configuration, kept on the target in files that only its owner reads. */
import { createHmac, randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { link, mkdir, rm, writeFile } from 'node:fs/promises';
import { errorCode } from '../errors.js';
import { canonicalJson, type ConfigRef } from '../model/index.js';
import { damaged, PRIVATE_FILE, PRIVATE_FOLDER, readIfThere, readState, syncFolder, writeAtomically } from './atomic-file.js';
import { STATE_SCHEMA, type SealedConfig } from './state-store.js';

interface SealedFile {
  readonly schema: typeof STATE_SCHEMA;
  readonly digest: string;
  readonly values: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  /** HMAC over values and secrets: a name taken off the list would show its value in logs. */
  readonly mac: string;
}

/** `keyFile` holds the target's own key; equal values give equal digests on this target and cannot be guessed from them elsewhere. */
export function fileSealedConfig(folder: string, keyFile: string): SealedConfig {
  return {
    ref: async ({ values }) => configRef(values, await targetKey(keyFile)),
    async seal({ values, secrets }) {
      const key = await targetKey(keyFile);
      const ref = configRef(values, key);
      const sealed: SealedFile = { schema: STATE_SCHEMA, digest: ref.digest, values, secrets, mac: sealMac(values, secrets, key) };
      await writeAtomically(fileOf(folder, ref.digest), JSON.stringify(sealed));
      return ref;
    },
    async open(ref) {
      const file = fileOf(folder, ref.digest);
      const sealed = await readState(file, isSealedFile);
      if (sealed === undefined) throw damaged(file, 'the sealed configuration of this release is gone');
      const key = await targetKey(keyFile);
      if (configRef(sealed.values, key).digest !== ref.digest) throw damaged(file, 'the values do not match their digest');
      if (sealMac(sealed.values, sealed.secrets, key) !== sealed.mac) throw damaged(file, 'the list of secret variables was changed');
      return { values: sealed.values, secrets: sealed.secrets };
    },
    remove: (ref) => rm(fileOf(folder, ref.digest), { force: true }),
  };
}

/** The digest of all values together, and one per key so that a change can be named without telling values. */
export function configRef(values: Readonly<Record<string, string>>, key: Buffer): ConfigRef {
  const mac = (text: string): string => createHmac('sha256', key).update(text).digest('hex');
  return {
    digest: mac(canonicalJson(values)),
    keys: Object.fromEntries(Object.entries(values).map(([name, value]) => [name, mac(canonicalJson([name, value])).slice(0, 16)])),
  };
}

function sealMac(values: Readonly<Record<string, string>>, secrets: readonly string[], key: Buffer): string {
  return createHmac('sha256', key).update(canonicalJson(['sealed', values, secrets])).digest('hex');
}

function fileOf(folder: string, digest: string): string {
  return join(folder, `${digest.slice(0, 32)}.json`);
}

function isSealedFile(value: object): value is SealedFile {
  return 'digest' in value && 'values' in value && typeof value.values === 'object' && value.values !== null && 'secrets' in value && Array.isArray(value.secrets)
    && 'mac' in value;
}

/** Makes the key at first use; two processes that do so at once get the same one, because a link never replaces. */
async function targetKey(keyFile: string): Promise<Buffer> {
  let text = await readIfThere(keyFile);
  if (text === undefined) {
    await makeKey(keyFile);
    text = await readIfThere(keyFile);
  }
  if (text === undefined || !/^[0-9a-f]{64}\n$/.test(text)) throw damaged(keyFile, 'the key of this target has another form');
  return Buffer.from(text.trim(), 'hex');
}

async function makeKey(keyFile: string): Promise<void> {
  await mkdir(dirname(keyFile), { recursive: true, mode: PRIVATE_FOLDER });
  const temp = `${keyFile}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(temp, `${randomBytes(32).toString('hex')}\n`, { mode: PRIVATE_FILE, flag: 'wx', flush: true });
  try {
    await link(temp, keyFile);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temp, { force: true });
  }
  // A key that a power failure takes back would make every sealed configuration unreadable.
  await syncFolder(dirname(keyFile));
}
