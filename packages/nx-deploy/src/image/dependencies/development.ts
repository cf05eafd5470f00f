/** Files that only development needs, and that make an image bigger. */
import { packageOf, type SizedFile } from './packages.js';

/** Packages that no service loads when it runs. */
const TOOLS = /^(?:typescript|jest|vitest|mocha|eslint|prettier|nx|webpack|vite|rollup|esbuild|ts-node|tsx|nodemon|husky|lint-staged|nyc|c8|playwright|cypress|verdaccio|babel-jest|ts-jest|@nx\/.+|@types\/.+|@jest\/.+|@eslint\/.+|@babel\/(?!runtime).+|@swc\/(?:core|jest)|typescript-eslint|@typescript-eslint\/.+)$/;

/** In the order in which they are asked: a file counts once. */
const KINDS: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['tests and their results', /(?:^|\/)(?:__tests__|__mocks__|__snapshots__|coverage|\.nyc_output)\/|\.(?:spec|test)\.[cm]?[jt]sx?(?:\.map)?$/],
  ['TypeScript sources', /(?<!\.d)\.[cm]?tsx?$/],
  ['type declarations', /\.d\.[cm]?ts(?:\.map)?$/],
  ['source maps', /\.map$/],
  ['documentation', /(?:^|\/)docs?\/|\.(?:md|markdown)$/i],
];
/** In third-party modules a little of everything is usual; of what the service itself brings every file is told. */
const MUCH_IN_MODULES = 5 * 1024 * 1024;
const NAMES_SHOWN = 5;

export function isDevelopmentPackage(name: string): boolean {
  return TOOLS.test(name);
}

type Sums = Map<string, { readonly count: number; readonly size: number }>;

/** What could be left out, added up, as JSON can hold it. */
export interface DevelopmentSums {
  readonly tools: readonly (readonly [name: string, size: number])[];
  /** By kind: of what the service brings, and of third-party modules. */
  readonly own: readonly (readonly [kind: string, sum: { readonly count: number; readonly size: number }])[];
  readonly modules: DevelopmentSums['own'];
}

/** What could be left out of the image, one line each, with its size. Paths may be those in the image. */
export function developmentFiles(files: Iterable<SizedFile>): string[] {
  return developmentLines(developmentSums(files));
}

export function developmentSums(files: Iterable<SizedFile>): DevelopmentSums {
  const tools = new Map<string, number>();
  const own: Sums = new Map();
  const modules: Sums = new Map();
  for (const { path, size } of files) {
    const name = packageOf(path)?.name;
    if (name !== undefined && isDevelopmentPackage(name)) {
      tools.set(name, (tools.get(name) ?? 0) + size);
      continue;
    }
    const kind = KINDS.find(([, pattern]) => pattern.test(path))?.[0];
    if (kind !== undefined) add(name === undefined ? own : modules, kind, { count: 1, size });
  }
  return { tools: [...tools], own: [...own], modules: [...modules] };
}

/** Of several lists of files, none of whose packages is in two of them. */
export function developmentLines(...sums: readonly DevelopmentSums[]): string[] {
  const own: Sums = new Map();
  const modules: Sums = new Map();
  for (const each of sums) {
    for (const [kind, sum] of each.own) add(own, kind, sum);
    for (const [kind, sum] of each.modules) add(modules, kind, sum);
  }
  // Maps beside the code are often wanted, for stack traces.
  own.delete('source maps');
  return [
    ...toolsLine(new Map(sums.flatMap(({ tools }) => tools))),
    ...lines(own, () => true, 'of the service'),
    ...lines(modules, ({ size }) => size >= MUCH_IN_MODULES, 'in node_modules'),
  ];
}

function add(sums: Sums, kind: string, { count, size }: { readonly count: number; readonly size: number }): void {
  const sum = sums.get(kind) ?? { count: 0, size: 0 };
  sums.set(kind, { count: sum.count + count, size: sum.size + size });
}

function toolsLine(tools: ReadonlyMap<string, number>): string[] {
  if (tools.size === 0) return [];
  const biggest = [...tools].sort(([a, left], [b, right]) => right - left || (a < b ? -1 : 1));
  const total = biggest.reduce((sum, [, size]) => sum + size, 0);
  const names = biggest.slice(0, NAMES_SHOWN).map(([name, size]) => `${name} (${bytes(size)})`).join(', ');
  return [`packages for development: ${names}${tools.size > NAMES_SHOWN ? ` and ${tools.size - NAMES_SHOWN} more` : ''}, ${bytes(total)} in all`];
}

function lines(sums: Sums, tell: (sum: { size: number }) => boolean, where: string): string[] {
  return KINDS.flatMap(([what]) => {
    const sum = sums.get(what);
    return sum === undefined || !tell(sum) ? [] : [`${what} ${where}: ${sum.count} ${sum.count === 1 ? 'file' : 'files'}, ${bytes(sum.size)}`];
  });
}

function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  return size < 1024 * 1024 ? `${(size / 1024).toFixed(1)} KiB` : `${(size / 1024 / 1024).toFixed(1)} MiB`;
}
