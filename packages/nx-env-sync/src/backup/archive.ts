/** What stands in a backup, before it is encrypted. It holds no path: what is restored goes to the files of its environment and nowhere else. */
import { LARGEST_FILE } from '../read-file.js';

/** What the file held; undefined when it was not there. The secrets are as they stood, encrypted. */
export interface Archive {
  readonly environment: string;
  /** Folder of the project, relative to the workspace. */
  readonly project: string;
  readonly takenAt: Date;
  /** Why it was taken. Plain ASCII, no values. */
  readonly reason: string;
  readonly plain: Buffer | undefined;
  readonly secrets: Buffer | undefined;
}

const FORMAT = 'nx-env-sync backup 1';
const FIELDS = ['format', 'environment', 'project', 'takenAt', 'reason', 'plain', 'secrets'];
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
/** Of the two files, and of all that can be around them as text. */
const LARGEST = { plain: LARGEST_FILE, secrets: 2 * LARGEST_FILE };
export const LARGEST_BACKUP = 6 * LARGEST_FILE;

export function writeArchive({ environment, project, takenAt, reason, plain, secrets }: Archive): string {
  return JSON.stringify({ format: FORMAT, environment, project, takenAt: takenAt.toISOString(), reason, plain: plain?.toString('base64') ?? null, secrets: secrets?.toString('base64') ?? null });
}

/** What was written by {@link writeArchive}; undefined for anything else, by however little it differs. */
export function readArchive(bytes: Uint8Array): Archive | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return archiveOf(value);
  } catch {
    return undefined;
  }
}

function archiveOf(value: unknown): Archive | undefined {
  if (typeof value !== 'object' || value === null || Object.keys(value).join() !== FIELDS.join()) return undefined;
  const { format, environment, project, takenAt, reason, plain, secrets } = value as Record<string, unknown>;
  if (format !== FORMAT || typeof environment !== 'string' || typeof project !== 'string' || typeof takenAt !== 'string' || typeof reason !== 'string') return undefined;
  const at = new Date(takenAt);
  if (Number.isNaN(at.getTime()) || at.toISOString() !== takenAt || /[^\x20-\x7e]/.test(reason)) return undefined;
  const [plainBytes, secretBytes] = [contentOf(plain, LARGEST.plain), contentOf(secrets, LARGEST.secrets)];
  if (plainBytes === 'strange' || secretBytes === 'strange') return undefined;
  return { environment, project, takenAt: at, reason, plain: plainBytes, secrets: secretBytes };
}

function contentOf(text: unknown, largest: number): Buffer | undefined | 'strange' {
  if (text === null) return undefined;
  if (typeof text !== 'string' || !BASE64.test(text)) return 'strange';
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > largest || bytes.toString('base64') !== text ? 'strange' : bytes;
}
