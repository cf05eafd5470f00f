/** How long a package of a folder of modules takes, against tar and gzip of the same files, and how much smaller it is than what a service is developed in. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { against, median, medianRatio, ms, span } from './figures.js';
import { run } from './programs.js';
import { table } from './table.js';

const repository = resolve(__dirname, '../../..');
const bin = join(repository, 'packages/nx-deploy/dist/bundles/nx-deploy.js');
const DEADLINE = 120_000;
/** About 28 MB of modules, as a service has. */
const MODULES = ['typescript/lib/typescript.js', 'typescript/lib/lib.dom.d.ts', 'yargs', 'rxjs', 'zod', 'ajv', 'execa', 'pino', '@vercel', 'eslint', '@babel/core', '@babel/types', '@babel/parser'];
/** Not slower than tar and gzip, and at least so much smaller than what it was developed in. */
const AIM = { time: 1.001, saved: 84 };

interface Result {
  readonly file: string;
  readonly steps: Readonly<Record<string, number>>;
  readonly sizes: { readonly saved: number; readonly archive: number; readonly tree: { readonly bytes: number; readonly files: number } };
}

/** Prints its tables. */
export async function benchPackage(runs: number, print: (text: string) => void): Promise<void> {
  print('\n== Package: a service with its modules as one archive ==\n');
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'nx-deploy-bench-package-')));
  try {
    const modules = shop(root);
    const env = { ...process.env, NX_DEPLOY_HOME: join(root, 'home'), NX_DAEMON: 'false' };
    const made: Result[] = [];
    const piped: number[] = [];
    for (let index = 0; index < runs; index += 1) {
      const { stdout } = await run([process.execPath, bin, 'package', 'bundled', '--json'], DEADLINE, { cwd: root, env });
      made.push(JSON.parse(stdout) as Result);
      const out = join(root, 'piped.tgz');
      piped.push((await run(['sh', '-c', 'tar -C "$1" -c . | gzip -6 > "$2"', 'sh', modules, out], DEADLINE)).wall);
    }
    const { stdout } = await run([process.execPath, bin, 'package', 'traced', '--json'], DEADLINE, { cwd: root, env });
    report(made, piped, JSON.parse(stdout) as Result, print);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** A workspace with two services: one whose output holds all modules, and one that loads two of them. The folder of the first output. */
function shop(root: string): string {
  const write = (path: string, content: object | string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  };
  write('package.json', { name: 'bench', version: '1.0.0', private: true });
  write('nx.json', { analytics: false, neverConnectToCloud: true });
  const output = join(root, 'apps/bundled/dist');
  for (const name of MODULES) {
    const from = join(repository, 'node_modules', name);
    if (!existsSync(from)) continue;
    for (const to of [join(output, 'node_modules', name), join(root, 'apps/traced/node_modules', name)]) cpSync(from, to, { recursive: true, verbatimSymlinks: true });
  }
  for (const [name, dependencies, code] of [['bundled', 'bundled', ''], ['traced', 'traced', 'require("zod"); require("ajv");\n']] as const) {
    write(`apps/${name}/project.json`, { name });
    write(`apps/${name}/package.json`, { name, version: '1.0.0' });
    write(`apps/${name}/src/main.ts`, '// its source\n'.repeat(2_000));
    write(`apps/${name}/dist/main.js`, code);
    write(`apps/${name}/deploy.json`, { artifact: { type: 'package', dependencies, smoke: false }, environments: { staging: {} } });
  }
  return output;
}

function report(made: readonly Result[], piped: readonly number[], traced: Result, print: (text: string) => void): void {
  const step = (name: string): readonly number[] => made.map(({ steps }) => steps[name] ?? Number.NaN);
  const archive = made.map(({ steps }) => (steps['application'] ?? Number.NaN) + (steps['collect'] ?? 0) + (steps['sign'] ?? 0) + (steps['write'] ?? 0));
  print(table(['', 'median', 'from .. to'], [
    ['package: collect, digests, write', ms(median(archive)), span(archive, ms)],
    ...['application', 'collect', 'write', 'verify', 'compare'].map((name) => [`  of the whole: ${name}`, ms(median(step(name))), span(step(name), ms)]),
    ['tar | gzip -6', ms(median(piped)), span(piped, ms)],
  ]));
  print(`\nagainst tar | gzip: ${against(medianRatio(archive, piped), { below: AIM.time }, (value) => `${value.toFixed(2)}x`)}`);
  const [first] = made;
  if (first !== undefined) print(`bundled: ${megabytes(first.sizes.archive)} of ${megabytes(first.sizes.tree.bytes)} in ${first.sizes.tree.files} files`);
  print(`traced: ${megabytes(traced.sizes.archive)} of the ${megabytes(traced.sizes.tree.bytes)} that it is developed in, ${against(traced.sizes.saved, { atLeast: AIM.saved }, (value) => `${value}% less`)}`);
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
