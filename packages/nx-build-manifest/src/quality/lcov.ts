/** The tracefile of lcov, geninfo(1). */
import { messageOf } from '../problems.js';
import { COVERED, share, type Coverage, type Covered } from './coverage.js';

type Counts = Partial<Record<Covered, { covered: number; total: number }>>;

/** Totals of a file, and what they are the totals of: not every tool writes both. */
const TOTALS: Readonly<Record<string, readonly [Covered, 'covered' | 'total']>> = {
  LF: ['lines', 'total'], LH: ['lines', 'covered'], BRF: ['branches', 'total'], BRH: ['branches', 'covered'], FNF: ['functions', 'total'], FNH: ['functions', 'covered'],
};

/** `DA:{line},{count}[,checksum]`, `BRDA:{line},{block},{branch},{count or -}`, `FNDA:{count},{name}`: what is counted, and how often it was run. */
const SINGLES: Readonly<Record<string, { readonly kind: Covered; readonly form: RegExp; readonly name: number; readonly times: number }>> = {
  DA: { kind: 'lines', form: /^(\d+),(-?[\d.e+]+)(?:,.*)?$/, name: 1, times: 2 },
  BRDA: { kind: 'branches', form: /^(e?\d+,[^,]*,.*),(-|[\d.e+]+)$/, name: 1, times: 2 },
  FNDA: { kind: 'functions', form: /^([\d.e+]+),(.+)$/, name: 2, times: 1 },
};

/** Of one source file, from SF to end_of_record. */
interface OpenRecord {
  readonly totals: Partial<Record<Covered, { covered?: number; total?: number }>>;
  /** By kind and name, whether it was run. */
  readonly singles: Partial<Record<Covered, Map<string, boolean>>>;
}

/** Its totals, else what its single lines, branches and functions add up to. */
function countsOf({ totals, singles }: OpenRecord): Counts {
  const counts: Counts = {};
  for (const kind of COVERED) {
    const { covered, total } = totals[kind] ?? {};
    const each = singles[kind];
    if (covered !== undefined && total !== undefined) counts[kind] = { covered, total };
    else if (each !== undefined) counts[kind] = { covered: [...each.values()].filter(Boolean).length, total: each.size };
    else if (total !== undefined || covered !== undefined) counts[kind] = { covered: covered ?? 0, total: total ?? 0 };
  }
  return counts;
}

function take(record: OpenRecord, key: string, value: string): void {
  const total = TOTALS[key];
  if (total !== undefined) {
    if (!/^\d{1,15}$/.test(value)) throw new Error(`${key} must be a whole number`);
    const [kind, which] = total;
    record.totals[kind] = { ...record.totals[kind], [which]: Number(value) };
    return;
  }
  const single = SINGLES[key];
  if (single === undefined) return;
  const found = single.form.exec(value);
  const name = found?.[single.name];
  if (name === undefined) throw new Error(`${key} must count how often something was run, got ${JSON.stringify(value.slice(0, 80))}`);
  const each = record.singles[single.kind] ??= new Map<string, boolean>();
  each.set(name, each.get(name) === true || Number(found?.[single.times]) > 0);
}

/** The counts of every record of the text, in order. */
function recordsOf(text: string): readonly Counts[] {
  const records: Counts[] = [];
  let open: OpenRecord | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    try {
      if (trimmed === 'end_of_record') {
        if (open === undefined) throw new Error('end_of_record without a source file (SF:)');
        records.push(countsOf(open));
        open = undefined;
      } else if (trimmed.startsWith('SF:')) {
        if (open !== undefined) throw new Error('a source file begins before the last one has ended (end_of_record)');
        open = { totals: {}, singles: {} };
      } else if (trimmed !== '' && !trimmed.startsWith('#')) {
        const [, key = '', value = ''] = /^([A-Z]+):(.*)$/.exec(trimmed) ?? [];
        if (key === '') throw new Error('is no line of lcov');
        if (open !== undefined) take(open, key, value);
        else if (TOTALS[key] !== undefined) throw new Error(`${key} without a source file (SF:)`);
      }
    } catch (error) {
      throw new Error(`line ${index + 1}: ${messageOf(error)}`, { cause: error });
    }
  }
  if (open !== undefined) throw new Error('the text ends within a record (end_of_record is missing)');
  return records;
}

/** What the files of a tracefile add up to. */
export function lcovCoverage(text: string): Coverage {
  const parts = recordsOf(text);
  if (parts.length === 0) throw new Error('has no record; is it an lcov.info?');
  const counted = COVERED.filter((kind) => parts.some((part) => part[kind] !== undefined));
  if (counted.length === 0) throw new Error('counts nothing: no record has LF and LH, or DA');
  return Object.fromEntries(counted.map((kind) => {
    const [covered, total] = (['covered', 'total'] as const).map((which) => parts.reduce((sum, part) => sum + (part[kind]?.[which] ?? 0), 0));
    if (covered === undefined || total === undefined || covered > total) throw new Error(`${kind}: more are covered than there are`);
    return [kind, share(covered, total)];
  }));
}
