import { relative, sep } from 'node:path';
import { allOf, naming } from '../problems.js';
import { readText } from '../reading.js';
import { coberturaCoverage, summaryCoverage, together, type Coverage } from './coverage.js';
import { junitTotals, totalsTogether, type TestTotals } from './junit.js';
import { lcovCoverage } from './lcov.js';
import { performanceOf, type Performance } from './performance.js';
import { findReports, QUALITIES, type QualityKind, type ReportPlaces } from './places.js';
import { findingsTogether, sarifFindings, type Findings } from './sarif.js';

export { COVERED, type Coverage, type Covered, type Share } from './coverage.js';
export type { TestTotals } from './junit.js';
export { LATENCIES, type Performance } from './performance.js';
export { QUALITIES, type QualityKind, type ReportPlaces } from './places.js';
export { LEVELS, SEVERITIES, type Findings } from './sarif.js';

interface Reported {
  /** The reports that it was read from, relative to the workspace, with `/`. */
  readonly reports: readonly string[];
}

/** What reports say about the quality of a build. Nothing is measured here, and nothing assumed. */
export interface Quality {
  readonly coverage?: Coverage & Reported;
  readonly tests?: TestTotals & Reported;
  readonly findings?: Findings & Reported;
  /** One for each report. */
  readonly performance?: readonly (Performance & { readonly report: string })[];
  /** The kinds without any report, and where was looked for one, relative to the workspace. */
  readonly absent: readonly { readonly kind: QualityKind; readonly lookedIn: readonly string[] }[];
}

export interface QualityQuery {
  /** Absolute. */
  readonly workspaceRoot: string;
  /** Absolute. */
  readonly projectRoot: string;
  /** Where reports lie; a kind that is not named is looked for where tools write by default. */
  readonly reports?: ReportPlaces;
}

function coverageOf(text: string, file: string): Coverage {
  if (/\.json$/i.test(file)) return summaryCoverage(text);
  return /\.xml$/i.test(file) ? coberturaCoverage(text) : lcovCoverage(text);
}

/**
 * What the reports say.
 * @throws Problems with one line for each report that cannot be read, is broken, or is of another kind
 */
export async function qualityFacts({ workspaceRoot, projectRoot, reports = {} }: QualityQuery): Promise<Quality> {
  const absent: { kind: QualityKind; lookedIn: readonly string[] }[] = [];
  const read = async <Part>(kind: QualityKind, parse: (text: string, file: string) => Part): Promise<{ parts: readonly Part[]; names: readonly string[] } | undefined> => {
    const { files, places } = await findReports(workspaceRoot, projectRoot, kind, reports[kind]);
    if (files.length === 0) {
      absent.push({ kind, lookedIn: places });
      return undefined;
    }
    const names = files.map((file) => relative(workspaceRoot, file).split(sep).join('/'));
    const parts = await allOf(files.map(async (file, index) => naming(names[index] ?? file, async () => {
      const text = await readText(file);
      if (text === undefined) throw new Error('is gone');
      return parse(text, file);
    })));
    return { parts, names };
  };
  const reading = [read('coverage', coverageOf), read('tests', junitTotals), read('findings', sarifFindings), read('performance', performanceOf)] as const;
  await allOf<unknown>([...reading]);
  const [coverage, tests, findings, performance] = await Promise.all(reading);
  return {
    ...(coverage === undefined ? {} : { coverage: { ...together(coverage.parts), reports: coverage.names } }),
    ...(tests === undefined ? {} : { tests: { ...totalsTogether(tests.parts), reports: tests.names } }),
    ...(findings === undefined ? {} : { findings: { ...findingsTogether(findings.parts), reports: findings.names } }),
    ...(performance === undefined ? {} : { performance: performance.parts.map((part, index) => ({ ...part, report: performance.names[index] ?? '' })) }),
    absent: absent.sort((a, b) => QUALITIES.indexOf(a.kind) - QUALITIES.indexOf(b.kind)),
  };
}

