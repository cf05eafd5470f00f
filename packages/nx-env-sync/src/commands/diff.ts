import { compareContents, countsOf, type KeyDifference } from '../compare/compare.js';
import { EnvSyncError } from '../errors.js';
import { printable } from '../problem.js';
import { openStores } from '../stores/open-store.js';
import type { Place, StoreContent } from '../stores/store.js';
import { table, type Answer } from './answer.js';

export interface DiffRequest {
  /** Names of what is compared: an environment, or `<store>:<environment>`. */
  readonly from: string;
  readonly to: string;
  /** Keys that are the same are listed too. */
  readonly all?: boolean;
  /** Values are shown; only where `terminal` is. */
  readonly reveal?: boolean;
  readonly failOnDifference?: boolean;
  readonly json?: boolean;
  /** Module of the store `running`. */
  readonly runningModule?: string;
  /** The output goes to a person's screen. */
  readonly terminal: boolean;
}

/** How many characters of a value are shown. */
const LONGEST_SHOWN = 2_000;

/** Compares two environments key by key. */
export async function diff(request: DiffRequest, place: Place): Promise<Answer> {
  refuseReveal(request);
  const [left, right] = await openStores([request.from, request.to], place, request);
  const [from, to] = await Promise.all([left.read(), right.read()]);
  const differences = compareContents(from, to);
  const counts = countsOf(differences);
  const shown = differences.filter(({ state }) => request.all === true || state !== 'kept');
  const different = counts.changed + counts.missing + counts.added > 0;
  const title = `${left.name} -> ${right.name}`;
  return {
    success: !(different && request.failOnDifference === true),
    lines: [
      ...(shown.length === 0 ? [] : rowsOf(shown, [left.name, right.name], request.reveal === true ? [from, to] : undefined)),
      `${title}: ${different ? `${counts.changed} changed, ${counts.missing} missing, ${counts.added} added` : 'no difference'}, ${counts.kept} kept`,
    ],
    document: { from: left.name, to: right.name, different, counts, keys: shown },
  };
}

function refuseReveal({ reveal, terminal, json }: DiffRequest): void {
  if (reveal !== true) return;
  const next = 'leave --reveal out: kept, changed, missing and added are told without it';
  if (json === true) throw new EnvSyncError('refused', { what: 'values are not shown in JSON', next });
  if (!terminal) throw new EnvSyncError('refused', { what: 'values are shown on a terminal only', why: 'the output goes to a file, a pipe or a log, where they would stay', next });
}

function rowsOf(shown: readonly KeyDifference[], names: readonly [string, string], values: readonly [StoreContent, StoreContent] | undefined): string[] {
  const [head = '', ...lines] = table([
    ['KEY', 'STATE', '', ...names],
    ...shown.map(({ key, state, secret, from, to }) => [key, state, secret ? 'secret' : '', from?.source ?? (from === undefined ? '-' : 'set'), to?.source ?? (to === undefined ? '-' : 'set')]),
  ]);
  return [head, ...lines.flatMap((line, index) => [line, ...revealed(shown[index]?.key ?? '', values)])];
}

function revealed(key: string, values: readonly [StoreContent, StoreContent] | undefined): string[] {
  return (values ?? []).flatMap((content, index) => {
    const value = content.values.get(key);
    return value === undefined ? [] : [`    ${index === 0 ? '-' : '+'} ${printable(JSON.stringify(value), LONGEST_SHOWN)}`];
  });
}
