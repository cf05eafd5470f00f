import { readdir, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { isMissing } from '../reading.js';

export const QUALITIES = ['coverage', 'tests', 'findings', 'performance'] as const;
export type QualityKind = (typeof QUALITIES)[number];

/** Files or folders for each kind, relative to the workspace. */
export type ReportPlaces = Readonly<Partial<Record<QualityKind, readonly string[]>>>;

/** Endings by which a file in a folder of reports is taken for one. */
const ENDINGS: Readonly<Record<QualityKind, RegExp>> = {
  coverage: /(?:^|\/)(?:coverage-summary\.json|[^/]*lcov[^/]*|[^/]*\.info|[^/]*\.xml)$/,
  tests: /\.xml$/,
  findings: /\.sarif(?:\.json)?$/,
  performance: /\.json$/,
};

/** Where tools write by default. The first place that holds a report is taken, for the others may tell of the same run. */
function usual(kind: QualityKind, project: string): readonly string[] {
  const own = (path: string): string => (project === '.' || project === '' ? path : `${project}/${path}`);
  const coverage = [own('coverage'), `coverage/${project}`];
  switch (kind) {
    case 'coverage':
      return ['coverage-summary.json', 'lcov.info', 'cobertura-coverage.xml'].flatMap((name) => coverage.map((folder) => `${folder}/${name}`));
    case 'tests':
      return [own('reports/junit.xml'), own('junit.xml'), own('test-results'), `test-results/${project}`];
    case 'findings':
      return [own('reports'), `reports/${project}`];
    case 'performance':
      return ['k6.json', 'k6-summary.json', 'autocannon.json'].map((name) => own(`reports/${name}`));
  }
}

/** The reports at one place; none when there is nothing. */
async function reportsAt(workspaceRoot: string, kind: QualityKind, place: string): Promise<readonly string[]> {
  const location = resolve(workspaceRoot, place);
  try {
    if (!(await stat(location)).isDirectory()) return [location];
    const entries = await readdir(location, { withFileTypes: true });
    return entries.filter((entry) => entry.isFile() && ENDINGS[kind].test(entry.name)).map((entry) => join(location, entry.name)).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

export interface FoundReports {
  /** Absolute. */
  readonly files: readonly string[];
  /** Where was looked, relative to the workspace. */
  readonly places: readonly string[];
}

/** Reports of a kind: all that were named, or else those of the first usual place that has any. */
export async function findReports(workspaceRoot: string, projectRoot: string, kind: QualityKind, named: readonly string[] | undefined): Promise<FoundReports> {
  const project = relative(workspaceRoot, projectRoot).split(sep).join('/') || '.';
  const places = named ?? [...new Set(usual(kind, project).map((place) => place.replace(/\/\.(?=\/|$)/g, '')))];
  const found = await Promise.all(places.map(async (place) => reportsAt(workspaceRoot, kind, place)));
  return { places, files: named === undefined ? found.find((files) => files.length > 0) ?? [] : [...new Set(found.flat())] };
}

/** The reports of every kind that are found where nothing else is named: absolute paths, sorted. */
export async function reportFiles(workspaceRoot: string, projectRoot: string): Promise<readonly string[]> {
  const found = await Promise.all(QUALITIES.map(async (kind) => (await findReports(workspaceRoot, projectRoot, kind, undefined)).files));
  return [...new Set(found.flat())].sort();
}
