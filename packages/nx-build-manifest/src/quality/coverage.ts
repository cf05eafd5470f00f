/** Coverage as the common formats report it. Percentages are made here, from counts. */
import { isCount, isRecord, parseJson } from '../reading.js';
import { readXml } from './xml.js';

export const COVERED = ['lines', 'branches', 'functions', 'statements'] as const;
export type Covered = (typeof COVERED)[number];

export interface Share {
  readonly covered: number;
  readonly total: number;
  /** 0 to 100, rounded down to hundredths; absent when there is nothing to cover. */
  readonly percent?: number;
}

/** Only what the report counts. */
export type Coverage = Readonly<Partial<Record<Covered, Share>>>;

export function share(covered: number, total: number): Share {
  return { covered, total, ...(total === 0 ? {} : { percent: Math.floor((covered * 10_000) / total) / 100 }) };
}

/** Of several reports that cover different files. */
export function together(parts: readonly Coverage[]): Coverage {
  const kinds = COVERED.filter((kind) => parts.some((part) => part[kind] !== undefined));
  return Object.fromEntries(kinds.map((kind) => {
    const counted = parts.map((part) => part[kind]).filter((one) => one !== undefined);
    return [kind, share(sum(counted.map(({ covered }) => covered)), sum(counted.map(({ total }) => total)))];
  }));
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** `coverage-summary.json` of istanbul's reporter json-summary, which jest, vitest, c8 and nyc write: `{ total: { lines: { total, covered, ... } } }`. */
export function summaryCoverage(text: string): Coverage {
  const document = parseJson(text);
  const total = isRecord(document) ? document['total'] : undefined;
  if (!isRecord(total)) throw new Error('total: is missing; is it a coverage-summary.json?');
  const kinds = COVERED.filter((kind) => total[kind] !== undefined);
  if (kinds.length === 0) throw new Error('total: counts neither lines, branches, functions nor statements');
  return Object.fromEntries(kinds.map((kind) => {
    const part = total[kind];
    if (!isRecord(part) || !isCount(part['covered']) || !isCount(part['total']) || part['covered'] > part['total']) throw new Error(`total.${kind}: must have whole numbers covered and total, covered not above total`);
    return [kind, share(part['covered'], part['total'])];
  }));
}

interface CoberturaCounts { lines: number; hit: number; conditions: number; met: number }

/** Where the root has no counts, as in older versions: those of the lines in `class`, which `method` repeats. */
function countLines(text: string): CoberturaCounts {
  const counts = { lines: 0, hit: 0, conditions: 0, met: 0 };
  let methods = 0;
  readXml(text, {
    open({ name, attributes }) {
      if (name === 'methods') methods += 1;
      if (name !== 'line' || methods > 0) return;
      counts.lines += 1;
      if (Number(attributes.get('hits') ?? 0) > 0) counts.hit += 1;
      const [, met = '0', all = '0'] = /\((\d+)\/(\d+)\)/.exec(attributes.get('condition-coverage') ?? '') ?? [];
      counts.met += Number(met);
      counts.conditions += Number(all);
    },
    close(name) {
      if (name === 'methods') methods -= 1;
    },
  });
  return counts;
}

/** Cobertura's coverage-04.dtd: counts of the root element. */
export function coberturaCoverage(text: string): Coverage {
  let root: ReadonlyMap<string, string> = new Map();
  readXml(text, {
    open({ name, attributes }, depth) {
      if (depth > 0) return;
      if (name !== 'coverage') throw new Error(`the root element must be coverage, got ${name}`);
      root = attributes;
    },
  });
  const pair = (covered: string, valid: string): Share | undefined => {
    const [part, all] = [root.get(covered), root.get(valid)];
    if (part === undefined || all === undefined) return undefined;
    if (!/^\d{1,15}$/.test(part) || !/^\d{1,15}$/.test(all) || Number(part) > Number(all)) throw new Error(`${covered} and ${valid} must be whole numbers, ${covered} not above ${valid}`);
    return share(Number(part), Number(all));
  };
  const lines = pair('lines-covered', 'lines-valid');
  const branches = pair('branches-covered', 'branches-valid');
  if (lines !== undefined) return { lines, ...(branches === undefined ? {} : { branches }) };
  const { lines: all, hit, conditions, met } = countLines(text);
  // A rate is no count: there is nothing to add it up with.
  if (all === 0) throw new Error('counts nothing: there is neither lines-valid nor a line');
  return { lines: share(hit, all), ...(conditions === 0 ? {} : { branches: share(met, conditions) }) };
}
