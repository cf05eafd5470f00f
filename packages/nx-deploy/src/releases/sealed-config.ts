/** Values of a release's configuration, kept on the target in files that only its owner reads. */
import { createHmac, randomBytes } from 'node:crypto';
import { basename, dirname } from 'node:path';
import { canonicalJson, type ConfigRef } from '../model/index.js';
import { damaged } from './atomic-file.js';
import { nodeFiles } from './node-files.js';
import { readStateIn, type StateFiles, type StatePath } from './state-files.js';
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
  return sealedConfigIn(nodeFiles(folder), keyAt(keyFile));
}

/** The file of a key on this machine. */
export function keyAt(file: string): StatePath {
  return { files: nodeFiles(dirname(file)), path: basename(file) };
}

/** @param files of the sealed values alone */
export function sealedConfigIn(files: StateFiles, key: StatePath): SealedConfig {
  return {
    ref: async ({ values }) => configRef(values, await targetKey(key)),
    async seal({ values, secrets }) {
      const secret = await targetKey(key);
      const ref = configRef(values, secret);
      const sealed: SealedFile = { schema: STATE_SCHEMA, digest: ref.digest, values, secrets, mac: sealMac(values, secrets, secret) };
      await files.write(fileOf(ref.digest), JSON.stringify(sealed));
      return ref;
    },
    async open(ref) {
      const path = fileOf(ref.digest);
      const sealed = await readStateIn(files, path, isSealedFile);
      if (sealed === undefined) throw damaged(files.where(path), 'the sealed configuration of this release is gone');
      const secret = await targetKey(key);
      if (configRef(sealed.values, secret).digest !== ref.digest) throw damaged(files.where(path), 'the values do not match their digest');
      if (sealMac(sealed.values, sealed.secrets, secret) !== sealed.mac) throw damaged(files.where(path), 'the list of secret variables was changed');
      return { values: sealed.values, secrets: sealed.secrets };
    },
    remove: (ref) => files.remove(fileOf(ref.digest)),
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

function fileOf(digest: string): string {
  return `${digest.slice(0, 32)}.json`;
}

function isSealedFile(value: object): value is SealedFile {
  return 'digest' in value && 'values' in value && typeof value.values === 'object' && value.values !== null && 'secrets' in value && Array.isArray(value.secrets)
    && 'mac' in value;
}

/** Makes the key at first use; two processes that do so at once get the same one. A key that a power failure takes back would make every sealed configuration unreadable. */
async function targetKey({ files, path }: StatePath): Promise<Buffer> {
  let text = await files.read(path);
  if (text === undefined) {
    await files.create(path, `${randomBytes(32).toString('hex')}\n`);
    text = await files.read(path);
  }
  if (text === undefined || !/^[0-9a-f]{64}\n$/.test(text.toString('utf8'))) throw damaged(files.where(path), 'the key of this target has another form');
  return Buffer.from(text.toString('utf8').trim(), 'hex');
}
