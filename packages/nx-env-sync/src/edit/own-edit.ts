import { EnvSyncError } from '../errors.js';
import type { OwnTexts } from '../storage/own-texts.js';
import { isVariableName } from '../parse-env-file.js';
import { printable } from '../problem.js';
import { isReservedName } from '../reserved-names.js';
import { EnvDocument } from './document.js';

/** One key's new value; undefined removes it. */
export interface KeyChange {
  readonly key: string;
  readonly value: string | undefined;
  /** Whether a key that is not there yet is to stand among the secrets. One that is there stays, and never leaves the encrypted file. */
  readonly secret: boolean;
}

/**
 * The texts with the changes and nothing else touched. A secret that stands in plain text is moved to the secrets.
 * @throws EnvSyncError with all that cannot be done; nothing is changed then.
 */
export function editTexts({ plain, secrets }: OwnTexts, changes: readonly KeyChange[]): OwnTexts {
  const documents = { plain: new EnvDocument(plain ?? ''), secrets: new EnvDocument(secrets ?? '') };
  const problems = changes.flatMap((change) => problemOf(() => editKey(documents, change)));
  if (problems.length > 0) throw new EnvSyncError('refused', { what: 'some values cannot be written', problems, next: 'correct them where they come from; nothing was changed' });
  const textOf = (document: EnvDocument, before: string | undefined): string | undefined => {
    const text = document.toString();
    return text === '' && before === undefined ? undefined : text;
  };
  return { plain: textOf(documents.plain, plain), secrets: textOf(documents.secrets, secrets) };
}

function editKey({ plain, secrets }: { readonly plain: EnvDocument; readonly secrets: EnvDocument }, { key, value, secret }: KeyChange): void {
  if (!isVariableName(key)) throw new EnvSyncError('refused', { what: `${JSON.stringify(printable(key, 64))} is no valid name: letters, digits and _ only, no digit first` });
  if (isReservedName(key)) throw new EnvSyncError('refused', { what: `${key} is set by the platform for each instance` });
  if (value === undefined) {
    plain.remove(key);
    secrets.remove(key);
    return;
  }
  const [own, other] = secret || secrets.get(key) !== undefined ? [secrets, plain] : [plain, secrets];
  own.set(key, value);
  other.remove(key);
}

function problemOf(edit: () => void): string[] {
  try {
    edit();
    return [];
  } catch (error) {
    if (error instanceof EnvSyncError) return [[error.parts.what, ...(error.parts.next === undefined ? [] : [error.parts.next])].join('; ')];
    throw error;
  }
}
