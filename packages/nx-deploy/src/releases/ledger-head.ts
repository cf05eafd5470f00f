/** The newest entry of a ledger, on record beside it: a chain alone does not show that its end was cut off. */
import { damaged } from './atomic-file.js';
import { readStateIn, type StateFiles } from './state-files.js';
import { STATE_SCHEMA } from './state-store.js';

/** Number and hash of an entry that the ledger had. It may have later ones: the head is written behind its entry. */
export interface LedgerHead {
  readonly schema: typeof STATE_SCHEMA;
  readonly seq: number;
  readonly hash: string;
}

export const HEAD_FILE = 'head.json';

/** Undefined for a ledger that is older than its head, or empty. @throws DeployError ND-STATE-DAMAGED, ND-STATE-NEWER */
export async function readHead(files: StateFiles): Promise<LedgerHead | undefined> {
  const head = await readStateIn(files, HEAD_FILE, isHead);
  if (head !== undefined && !(Number.isSafeInteger(head.seq) && head.seq > 0)) throw damaged(files.where(HEAD_FILE), 'it names no entry');
  return head;
}

/** The entry is written by then; that this could not be is no reason to take it for lost. */
export async function writeHead(files: StateFiles, { seq, hash }: Pick<LedgerHead, 'seq' | 'hash'>): Promise<void> {
  await files.write(HEAD_FILE, JSON.stringify({ schema: STATE_SCHEMA, seq, hash } satisfies LedgerHead)).catch(() => undefined);
}

function isHead(value: object): value is LedgerHead {
  return 'seq' in value && typeof value.seq === 'number' && 'hash' in value && typeof value.hash === 'string';
}
