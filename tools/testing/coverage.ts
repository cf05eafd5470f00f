import { createCoverageMap, type CoverageMap, type CoverageMapData } from 'istanbul-lib-coverage';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';

/** Percent of lines and of branches that the tests must run, in each package alone. */
export const threshold = 90;

export interface Coverage {
  /** Percent. */
  readonly lines: number;
  readonly branches: number;
}

/** Joins the `coverage-final.json` files of several runs. Throws when one of them is not there or is no coverage. */
export function mergeCoverage(files: readonly string[]): CoverageMap {
  const map = createCoverageMap({});
  for (const file of files) map.merge(JSON.parse(readFileSync(file, 'utf8')) as CoverageMapData);
  return map;
}

function covered(map: CoverageMap, within: (file: string) => boolean): Coverage {
  const part = createCoverageMap({});
  for (const file of map.files().filter(within)) part.addFileCoverage(map.fileCoverageFor(file));
  const { lines, branches } = part.getCoverageSummary();
  return { lines: lines.pct, branches: branches.pct };
}

const line = (name: string, { lines, branches }: Coverage): string =>
  `${name.padEnd(60)} ${lines.toFixed(1).padStart(6)} ${branches.toFixed(1).padStart(9)}`;
const short = ({ lines, branches }: Coverage): boolean => lines < threshold || branches < threshold;

type Named = ReadonlyMap<string, Coverage>;

/** Of each package; one that is there and has no file in the map has nothing covered. */
function packagesOf(map: CoverageMap, root: string, nameOf: (file: string) => string): Named {
  const folder = join(root, 'packages');
  const there = existsSync(folder) ? readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => `packages/${name}`) : [];
  const packageOf = (file: string): string => nameOf(file).split('/').slice(0, 2).join('/');
  const names = [...new Set([...there, ...map.files().map(packageOf)])].sort();
  const measured = new Set(map.files().map(packageOf));
  return new Map(names.map((name) => [name, measured.has(name) ? covered(map, (file) => packageOf(file) === name) : { lines: 0, branches: 0 }]));
}

/** The files that miss the most lines and branches. */
function worst(map: CoverageMap, nameOf: (file: string) => string): Named {
  const missing = (file: string): number => {
    const { lines, branches } = map.fileCoverageFor(file).toSummary();
    return lines.total - lines.covered + branches.total - branches.covered;
  };
  const files = map.files()
    .map((file) => ({ name: nameOf(file), missing: missing(file), coverage: covered(map, (other) => other === file) }))
    .filter(({ coverage }) => short(coverage))
    .sort((left, right) => right.missing - left.missing)
    .slice(0, 25);
  return new Map(files.map(({ name, coverage }) => [name, coverage]));
}

/** In hundredths: what is just short of the threshold would be rounded to it in tenths. */
const verdict = ([name, { lines, branches }]: readonly [string, Coverage]): string =>
  `coverage: failed, ${name} has ${lines.toFixed(2)}% of lines and ${branches.toFixed(2)}% of branches, at least ${threshold}% of each are needed`;

/** Whether the coverage of every package is enough, and the lines that say so: a table in percent, and a last line for each package that falls short. */
export function judgeCoverage(map: CoverageMap, root: string): { readonly enough: boolean; readonly lines: readonly string[] } {
  if (map.files().length === 0) return { enough: false, lines: ['coverage: no file was measured'] };
  const nameOf = (file: string): string => relative(root, file).split(sep).join('/');
  const packages = packagesOf(map, root, nameOf);
  const files = [...worst(map, nameOf)].map(([name, coverage]) => line(`  ${name}`, coverage));
  const failed = [...packages].filter(([, coverage]) => short(coverage)).map(verdict);
  const lines = [
    `${'coverage in percent'.padEnd(60)}  lines  branches`,
    ...[...packages].map(([name, coverage]) => line(name, coverage)),
    line('together', covered(map, () => true)),
    ...(files.length === 0 ? [] : ['below the threshold, most to gain first:', ...files]),
    ...failed,
  ];
  return { enough: failed.length === 0, lines };
}
