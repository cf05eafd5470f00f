/** How long the layer of a folder of modules takes, against the programs that people use for it, on the same files one after the other. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { against, median, medianRatio, ms, span } from './figures.js';
import type { LayerFigures } from './layers-alone.js';
import { find, run } from './programs.js';
import { table } from './table.js';

/** Installed in every clone of this repository; about 80 MB in 4,000 files. */
const MODULES = ['@babel', '@nx', '@vercel', 'eslint', 'rxjs', 'typescript', 'yargs', 'zod'];
const DEADLINE = 120_000;
/** Not slower than one thread of gzip. */
const AIM = 1.001;

interface Contender {
  readonly name: string;
  readonly argv: (folder: string, out: string) => readonly string[];
  readonly wall: number[];
  bytes: number;
}

/** Prints its table. */
export async function benchLayers(runs: number, print: (text: string) => void): Promise<void> {
  print('\n== Layers: a folder of modules as tar and gzip, level 6 ==\n');
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'nx-deploy-bench-')));
  try {
    const folder = join(root, 'node_modules');
    copyModules(folder);
    print(describeFolder(folder));
    const contenders = [ours(), ...piped()];
    const alone: LayerFigures[] = [];
    for (let index = 0; index < runs; index += 1) {
      for (const contender of contenders) {
        const out = join(root, 'layer.tgz');
        const { wall, stdout } = await run(contender.argv(folder, out), DEADLINE);
        contender.wall.push(wall);
        contender.bytes = statSync(out).size;
        if (stdout !== '') alone.push(JSON.parse(stdout) as LayerFigures);
      }
    }
    report(contenders, alone, print);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function ours(): Contender {
  return { name: 'nx-deploy, with the start of Node', argv: (folder, out) => [process.execPath, join(__dirname, 'layers-alone.js'), folder, out], wall: [], bytes: 0 };
}

function piped(): Contender[] {
  return ['gzip', 'pigz'].filter((program) => find(program) !== undefined).map((program) => ({
    name: `tar | ${program} -6`, argv: (folder, out) => ['sh', '-c', `tar -C "$1" -c . | ${program} -6 > "$2"`, 'sh', folder, out], wall: [], bytes: 0,
  }));
}

function copyModules(folder: string): void {
  mkdirSync(folder);
  const from = resolve('node_modules');
  for (const name of MODULES) if (existsSync(join(from, name))) cpSync(join(from, name), join(folder, name), { recursive: true, verbatimSymlinks: true });
}

function describeFolder(folder: string): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  return `${files.length} files, ${megabytes(bytes)}\n`;
}

function report([first, ...others]: readonly Contender[], alone: readonly LayerFigures[], print: (text: string) => void): void {
  if (first === undefined) return;
  print(table(['', 'median', 'from .. to', 'size', 'of ours'], [first, ...others].map(({ name, wall, bytes }) => [
    name, ms(median(wall)), span(wall, ms), megabytes(bytes), `${medianRatio(wall, first.wall).toFixed(2)}x`,
  ])));
  print(`\nwithout the start of Node: ${ms(median(alone.map(({ wall }) => wall)))}; most memory: ${megabytes(Math.max(...alone.map(({ rss }) => rss)))}`);
  for (const { name, wall } of others) {
    const ratio = medianRatio(first.wall, wall);
    const aim = name.includes('gzip') ? `, ${against(ratio, { below: AIM }, (value) => `${value.toFixed(2)}x`)}` : '';
    print(`against ${name}: ${ratio.toFixed(2)}x the time${aim}`);
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
