import { createCoverageMap, type CoverageMap, type CoverageMapData } from 'istanbul-lib-coverage';
import { readFileSync } from 'node:fs';
import { relative, sep } from 'node:path';

/** Percent of lines and of branches that the tests must run, over all packages together. */
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

/** A table in percent: each package, then the files that miss the most lines and branches. */
function table(map: CoverageMap, root: string, total: Coverage): string[] {
  const names = new Map(map.files().map((file) => [file, relative(root, file).split(sep).join('/')]));
  const inside = (name: string) => (file: string): boolean => names.get(file)?.startsWith(`${name}/`) ?? false;
  const packages = [...new Set([...names.values()].map((name) => name.split('/').slice(0, 2).join('/')))].sort();
  const missing = (file: string): number => {
    const { lines, branches } = map.fileCoverageFor(file).toSummary();
    return lines.total - lines.covered + branches.total - branches.covered;
  };
  const worst = map.files()
    .map((file) => ({ name: names.get(file) ?? file, missing: missing(file), coverage: covered(map, (other) => other === file) }))
    .filter(({ coverage }) => short(coverage))
    .sort((left, right) => right.missing - left.missing)
    .slice(0, 25);
  return [
    `${'coverage in percent'.padEnd(60)}  lines  branches`,
    ...packages.map((name) => line(name, covered(map, inside(name)))),
    line('together', total),
    ...(worst.length === 0 ? [] : ['below the threshold, most to gain first:']),
    ...worst.map(({ name, coverage }) => line(`  ${name}`, coverage)),
  ];
}

/** Whether the coverage is enough, and the lines that say so. */
export function judgeCoverage(map: CoverageMap, root: string): { readonly enough: boolean; readonly lines: readonly string[] } {
  if (map.files().length === 0) return { enough: false, lines: ['coverage: no file was measured'] };
  const total = covered(map, () => true);
  const enough = !short(total);
  const verdict = enough ? [] : [`coverage: failed, at least ${threshold}% of lines and of branches are needed`];
  return { enough, lines: [...table(map, root, total), ...verdict] };
}
