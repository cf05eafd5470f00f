/** What there is to judge in a package's folder. Reading it decides nothing. */
import { bytesOf, entriesBelow, type Present } from './files.js';
import { verify } from 'node:crypto';
import { verifyBundle } from './bundle.js';
import { parseChecksums, type Checksum } from './checksums.js';
import { hasHighS, type ParsedKey } from './keys.js';
import { verifyMinisign, type MinisignPublic } from './minisign.js';
import { parseLinks, type Link } from './links.js';
import { BUNDLE, CHECKSUMS, CHECKSUMS_ECDSA, CHECKSUMS_MINISIGN, LINKS, STATEMENT } from './names.js';

/** A signature that was found: by a key of the policy, or why not in words. */
export interface SignatureFound {
  readonly file: string;
  readonly by: ParsedKey | string;
}

export interface Evidence {
  readonly folder: string;
  /** Everything below the folder that is no folder. */
  readonly present: readonly Present[];
  /** Of checksums.links.json, or why it is none in words that go on after its name; none without that file. */
  readonly links: readonly Link[] | string;
  /** undefined when there is none. */
  readonly checksums?: { readonly bytes: Buffer; readonly entries: readonly Checksum[]; readonly problems: readonly string[] };
  /** undefined when there is none. */
  readonly statement?: Buffer;
  readonly signatures: readonly SignatureFound[];
  /** What the bundle signs, when a key of the policy signed it. */
  readonly signed?: { readonly key: ParsedKey; readonly payload: Buffer };
  /** Files of the signing that cannot be read as such. */
  readonly unreadable: readonly { readonly file: string; readonly problem: string }[];
}

export async function evidenceOf(folder: string, keys: readonly ParsedKey[]): Promise<Evidence> {
  const unreadable: { file: string; problem: string }[] = [];
  const read = async (file: string): Promise<Buffer | undefined> => bytesOf(folder, file).catch((error: unknown) => {
    unreadable.push({ file, problem: error instanceof Error ? error.message : String(error) });
    return undefined;
  });
  const present = await entriesBelow(folder);
  const links = await read(LINKS);
  const list = await read(CHECKSUMS);
  const statement = await read(STATEMENT);
  const bundle = await read(BUNDLE);
  const result = bundle === undefined ? undefined : await verifyBundle(textOf(bundle), keys);
  const signatures: SignatureFound[] = [];
  if (result !== undefined) signatures.push({ file: BUNDLE, by: typeof result === 'string' ? result : result.key });
  const content = list ?? Buffer.alloc(0);
  const ecdsa = await read(CHECKSUMS_ECDSA);
  if (ecdsa !== undefined) signatures.push({ file: CHECKSUMS_ECDSA, by: await verifyEcdsa(keys, content, ecdsa) });
  const minisign = await read(CHECKSUMS_MINISIGN);
  if (minisign !== undefined) signatures.push({ file: CHECKSUMS_MINISIGN, by: verifyMinisign(keys.filter(isMinisign), content, textOf(minisign)) });
  return {
    folder, present, signatures, unreadable, links: links === undefined ? [] : parseLinks(textOf(links)),
    ...(list === undefined ? {} : { checksums: { bytes: list, ...parseChecksums(textOf(list)) } }),
    ...(statement === undefined ? {} : { statement }),
    ...(result === undefined || typeof result === 'string' ? {} : { signed: result }),
  };
}

/** Bytes that are no UTF-8 become a text that no parser accepts as written by us. */
function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : '';
}

function isMinisign(key: ParsedKey): key is ParsedKey & MinisignPublic {
  return key.keyId !== undefined;
}

async function verifyEcdsa(keys: readonly ParsedKey[], content: Buffer, signature: Buffer): Promise<ParsedKey | string> {
  const key = keys.filter(({ type }) => type === 'ecdsa-p256').find(({ publicKey }) => verify('sha256', content, publicKey, signature));
  if (key === undefined) return `it does not match ${CHECKSUMS} under any trusted key`;
  return await hasHighS(signature) ? 'it is not in the form in which it is written' : key;
}
