import type { FileCoverageData } from 'istanbul-lib-coverage';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judgeCoverage, mergeCoverage } from './coverage.js';

const at = (line: number) => ({ start: { line, column: 0 }, end: { line, column: 9 } });

/** Coverage of a file with ten lines and one branch of ten ways, of which the first ones ran. */
function tenths(path: string, lines: number, ways: number): FileCoverageData {
  const numbers = Array.from({ length: 10 }, (_, index) => index);
  return {
    path,
    statementMap: Object.fromEntries(numbers.map((number) => [number, at(number + 1)])),
    s: Object.fromEntries(numbers.map((number) => [number, number < lines ? 1 : 0])),
    branchMap: { 0: { loc: at(1), type: 'switch', line: 1, locations: numbers.map((number) => at(number + 1)) } },
    b: { 0: numbers.map((number) => (number < ways ? 1 : 0)) },
    fnMap: {},
    f: {},
  };
}

describe('the coverage gate', () => {
  let folder = '';
  let written = 0;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'coverage-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const write = (...files: FileCoverageData[]): string => {
    const target = join(folder, `${written++}.json`);
    writeFileSync(target, JSON.stringify(Object.fromEntries(files.map((file) => [file.path, file]))));
    return target;
  };
  const judge = (...files: FileCoverageData[]) => judgeCoverage(mergeCoverage([write(...files)]), '/repo');

  it('is passed at the threshold', () => {
    expect(judge(tenths('/repo/packages/a/src/x.ts', 9, 9))).toMatchObject({ enough: true });
  });

  it.each([
    ['lines', 8, 10, '80.00% of lines and 100.00% of branches'], ['branches', 10, 8, '100.00% of lines and 80.00% of branches'],
  ])('fails below it, by %s alone, and says so', (_what, linesRun, waysRun, had) => {
    const { enough, lines } = judge(tenths('/repo/packages/a/src/x.ts', linesRun, waysRun));
    expect(enough).toBe(false);
    expect(lines.at(-1)).toBe(`coverage: failed, packages/a has ${had}, at least 90% of each are needed`);
  });

  it('judges each package alone, however good the others are', () => {
    const good = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((number) => tenths(`/repo/packages/a/src/good${number}.ts`, 10, 10));
    const { enough, lines } = judge(...good, tenths('/repo/packages/b/src/weak.ts', 10, 8), tenths('/repo/packages/c/src/weak.ts', 8, 10));
    expect(enough).toBe(false);
    expect(lines.find((line) => line.startsWith('together'))).toMatch(/ 98\.\d +98\.\d$/);
    expect(lines.filter((line) => line.startsWith('coverage: '))).toEqual([
      'coverage: failed, packages/b has 100.00% of lines and 80.00% of branches, at least 90% of each are needed',
      'coverage: failed, packages/c has 80.00% of lines and 100.00% of branches, at least 90% of each are needed',
    ]);
  });

  it('fails for a package that is there and was not measured at all', () => {
    for (const name of ['a', 'b']) mkdirSync(join(folder, 'packages', name), { recursive: true });
    writeFileSync(join(folder, 'packages', 'README.md'), '');
    const { enough, lines } = judgeCoverage(mergeCoverage([write(tenths(join(folder, 'packages/a/src/x.ts'), 10, 10))]), folder);
    expect(enough).toBe(false);
    expect(lines.filter((line) => line.startsWith('coverage: '))).toEqual(['coverage: failed, packages/b has 0.00% of lines and 0.00% of branches, at least 90% of each are needed']);
  });

  it('shows each package and all together, and names the files that miss most first', () => {
    const { enough, lines } = judge(
      tenths('/repo/packages/a/src/good.ts', 10, 10),
      tenths('/repo/packages/b/src/weak.ts', 8, 10),
      tenths('/repo/packages/b/src/none.ts', 0, 0),
    );
    expect(enough).toBe(false);
    expect(lines.map((line) => line.trim().replace(/\s+/g, ' '))).toEqual([
      'coverage in percent lines branches',
      'packages/a 100.0 100.0',
      'packages/b 40.0 50.0',
      'together 60.0 66.7',
      'below the threshold, most to gain first:',
      'packages/b/src/none.ts 0.0 0.0',
      'packages/b/src/weak.ts 80.0 100.0',
      'coverage: failed, packages/b has 40.00% of lines and 50.00% of branches, at least 90% of each are needed',
    ]);
  });

  it('adds up what several runs covered', () => {
    const file = '/repo/packages/a/src/x.ts';
    const first = tenths(file, 5, 5);
    const second = tenths(file, 10, 10);
    for (let index = 0; index < 5; index++) second.s[index] = 0;
    second.b[0] = (second.b[0] ?? []).map((_, index) => (index < 5 ? 0 : 1));
    expect(judgeCoverage(mergeCoverage([write(first)]), '/repo').enough).toBe(false);
    expect(judgeCoverage(mergeCoverage([write(second)]), '/repo').enough).toBe(false);
    expect(judgeCoverage(mergeCoverage([write(first), write(second)]), '/repo').enough).toBe(true);
  });

  it('fails when nothing was measured', () => {
    expect(judge()).toEqual({ enough: false, lines: ['coverage: no file was measured'] });
  });

  it('throws when a run left no coverage, or something else', () => {
    expect(() => mergeCoverage([write(tenths('/repo/a.ts', 1, 1)), join(folder, 'none.json')])).toThrow('ENOENT');
    writeFileSync(join(folder, 'bad.json'), '{"a": {}}');
    expect(() => mergeCoverage([join(folder, 'bad.json')])).toThrow();
  });
});
