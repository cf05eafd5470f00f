/** What makes a document unique and dated without chance or clock, so that the same input gives the same bytes. */
import { createHash } from 'node:crypto';

/** A UUID of version 8 (RFC 9562, 5.8), whose bits are of the SHA-256 of the content. */
export function contentUuid(content: string): string {
  const bytes = createHash('sha256').update(content).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Whether SOURCE_DATE_EPOCH says the time, so that nobody needs to ask git. */
export function isTimeStated({ SOURCE_DATE_EPOCH: epoch }: NodeJS.ProcessEnv): boolean {
  return epoch !== undefined && epoch !== '';
}

/**
 * SOURCE_DATE_EPOCH (reproducible-builds.org, seconds since 1970), else the time of the commit, else none.
 * @throws Error when SOURCE_DATE_EPOCH is no whole number
 */
export function documentTime(commitTime: string | undefined, variables: NodeJS.ProcessEnv): Date | undefined {
  const { SOURCE_DATE_EPOCH: epoch = '' } = variables;
  if (epoch === '') return commitTime === undefined ? undefined : new Date(commitTime);
  if (!/^\d{1,11}$/.test(epoch)) throw new Error(`SOURCE_DATE_EPOCH must be a whole number of seconds, got "${epoch}"`);
  return new Date(Number(epoch) * 1000);
}
