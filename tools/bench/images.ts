/** How long build and push of an image take, against `docker build` and `docker push` on the same service, one after the other in every run. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { findEngine, lackOfEngine, startEngine, type Engine } from '../images/engine.js';
import { openDisk } from './disk.js';
import { against, median, medianRatio, ms, span } from './figures.js';
import { ImageShop, type Took } from './image-shop.js';
import { run } from './programs.js';
import { table } from './table.js';

const CASES = ['cold', 'one line', 'unchanged'] as const;
type Case = (typeof CASES)[number];
/** So many times faster than Docker. */
const AIMS: Readonly<Record<Case, number>> = { cold: 3, 'one line': 20, unchanged: 20 };
/** ms for all that is left to be written to the disk. */
const WRITTEN = 120_000;

interface Contender {
  readonly name: string;
  readonly docker: boolean;
  readonly forget: () => Promise<void> | void;
  readonly once: () => Promise<Took>;
  /** ms */
  readonly wall: Readonly<Record<Case, number[]>>;
  readonly own: Readonly<Record<Case, number[]>>;
}

/** Prints its table. */
export async function benchImages(runs: number, print: (text: string) => void): Promise<void> {
  print('\n== Images: build and push, with about 28 MB of modules ==\n');
  const disk = await openDisk(print);
  let shop: ImageShop | undefined;
  let engine: Engine | undefined;
  try {
    shop = await ImageShop.open(disk.folder);
    engine = await engineIn(join(disk.folder, 'e'), print);
    print(describe(shop.modules));
    const contenders = [...ours(shop), ...(engine === undefined ? [] : await theirs(shop, engine.host, print))];
    if (engine !== undefined) await shop.pullBase(engine.host);
    for (let index = 0; index < runs; index += 1) for (const contender of contenders) await measure(shop, contender);
    report(contenders, runs, print);
  } finally {
    await engine?.stop();
    await shop?.close();
    await disk.close();
  }
}

async function engineIn(folder: string, print: (text: string) => void): Promise<Engine | undefined> {
  const found = await findEngine();
  if (found !== undefined) return found;
  const lack = lackOfEngine();
  if (lack !== undefined) print(`not compared: ${lack}`);
  return lack === undefined ? startEngine(folder) : undefined;
}

async function measure(shop: ImageShop, { forget, once, wall, own }: Contender): Promise<void> {
  await forget();
  shop.forgetPushed();
  for (const name of CASES) {
    if (name !== 'unchanged') shop.change();
    // What another one has left to be written would be waited for by whoever is the next to bring a file to the disk.
    await run(['sync'], WRITTEN);
    const took = await once();
    wall[name].push(took.wall);
    own[name].push(took.own);
  }
}

const empty = (): Record<Case, number[]> => ({ cold: [], 'one line': [], unchanged: [] });

function ours(shop: ImageShop): Contender[] {
  return [
    { name: 'bin of nx-deploy', docker: false, forget: () => shop.forget(), once: () => shop.ours(), wall: empty(), own: empty() },
    { name: 'nx run push-image', docker: false, forget: () => shop.forget(), once: () => shop.oursByNx(), wall: empty(), own: empty() },
  ];
}

async function theirs(shop: ImageShop, host: string, print: (text: string) => void): Promise<Contender[]> {
  const kinds = shop.hasBuildKit() ? [false, true] : [false];
  if (kinds.length === 1) print('not compared: docker with BuildKit (its plugin buildx is not installed)\n');
  return kinds.map((buildKit) => ({
    name: buildKit ? 'docker, BuildKit' : 'docker, classic', docker: true, forget: () => shop.forgetTheirs(host, buildKit), once: () => shop.theirs(host, buildKit), wall: empty(), own: empty(),
  }));
}

function describe(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  return `${files.length} files, ${(bytes / 1e6).toFixed(1)} MB of modules\n`;
}

function report(contenders: readonly Contender[], runs: number, print: (text: string) => void): void {
  print(`build and push together, medians of ${runs} runs\n`);
  const row = (name: string, of: Contender['wall']): string[] => [name, ...CASES.flatMap((one) => [ms(median(of[one])), span(of[one], ms)])];
  print(table(['', ...CASES.flatMap((name) => [name, 'from .. to'])], contenders.flatMap(({ name, docker, wall, own }) => [row(name, wall), ...(docker ? [] : [row(`${name}, without its start`, own)])])));
  const [first] = contenders;
  if (first === undefined) return;
  print('');
  for (const { name, wall } of contenders.filter(({ docker }) => docker)) {
    for (const one of CASES) {
      const [faster, whole] = [first.own, first.wall].map((mine) => 1 / medianRatio(mine[one], wall[one]));
      print(`${one}, against ${name}: ${against(faster ?? 0, { atLeast: AIMS[one] }, (value) => `${value.toFixed(1)}x faster`)} (${faster?.toFixed(1)}x without the start of Node, ${whole?.toFixed(1)}x with it)`);
    }
  }
}
