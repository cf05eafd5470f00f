/** Completes the packages' dist folders after the compiler: schemas, generator templates, and the single-file bundles that the agent runs from. */
import { build } from 'esbuild';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const root = resolve(__dirname, '../..');
const packages = ['nx-health', 'nx-env-sync', 'nx-build-manifest', 'nx-deploy'];
/** Programs that must go on when node_modules is deleted under them. */
const bundles = [
  { entry: 'bin/agent.ts', out: 'bundles/agent.js' },
  { entry: 'agent/shim.ts', out: 'bundles/shim.js' },
];

function copyAssets(from: string, to: string): void {
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory() && entry.name === 'files') cpSync(source, target, { recursive: true });
    else if (entry.isDirectory()) copyAssets(source, target);
    else if (entry.name === 'schema.json') {
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(source, target);
    }
  }
}

async function main(): Promise<void> {
  for (const name of packages) {
    copyAssets(join(root, 'packages', name, 'src'), join(root, 'packages', name, 'dist'));
  }
  const deploy = join(root, 'packages/nx-deploy');
  for (const { entry, out } of bundles) {
    await build({
      entryPoints: [join(deploy, 'src', entry)],
      outfile: join(deploy, 'dist', out),
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      sourcemap: true,
      legalComments: 'inline',
      logLevel: 'warning',
    });
  }
  const bin = join(deploy, 'dist/bin/nx-deploy.js');
  if (existsSync(bin)) chmodSync(bin, 0o755);
}

void main();
