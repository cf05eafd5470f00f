/**
 * Measures the commands on the local platform, the router against its peers, the layers of images, images against Docker, build manifests, packages, environments, deploys on Docker, and health checks, and prints tables.
 * `bench.js [commands] [router] [layers] [images] [manifest] [package] [environments] [docker] [health] [--runs <number>]`; without a name all of them. Exit code 1 when something could not be measured.
 */
import { parseArgs } from 'node:util';
import { benchCommands } from './commands.js';
import { benchDocker } from './docker.js';
import { benchEnvironments } from './environments.js';
import { benchHealth } from './health.js';
import { benchImages } from './images.js';
import { benchLayers } from './layers.js';
import { machine } from './machine.js';
import { benchManifest } from './manifest.js';
import { benchPackage } from './package.js';
import { interrupt } from './programs.js';
import { benchRouter } from './router.js';

const BENCHES = { commands: benchCommands, router: benchRouter, layers: benchLayers, images: benchImages, manifest: benchManifest, package: benchPackage, environments: benchEnvironments, docker: benchDocker, health: benchHealth };

function isBench(name: string): name is keyof typeof BENCHES {
  return Object.hasOwn(BENCHES, name);
}

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({ allowPositionals: true, options: { runs: { type: 'string', default: '5' } } });
  const runs = Number(values.runs);
  const unknown = positionals.filter((name) => !isBench(name));
  if (unknown.length > 0 || !Number.isInteger(runs) || runs < 1) throw new Error('usage: npm run bench -- [commands] [router] [layers] [images] [manifest] [package] [environments] [docker] [health] [--runs <number from 1>]');
  const print = (text: string): void => void process.stdout.write(`${text}\n`);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
  print(machine());
  for (const name of Object.keys(BENCHES).filter(isBench)) {
    if (positionals.length === 0 || positionals.includes(name)) await BENCHES[name](runs, print);
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
