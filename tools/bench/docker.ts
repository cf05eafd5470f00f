/**
 * A deploy and a rollback of one container, from the start of the command to its end: ours, which checks, records and drains, against the same by hand (`docker run`, wait, switch a
 * proxy, stop), and against what docker-rollout does (`docker-compose up --scale`, wait for the health check, stop the old one), which switches no proxy at all.
 */
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { baseArchive, makeBaseImage } from '../images/base-image.js';
import { dockerClient } from '../images/client.js';
import { lackOfEngine, startEngine } from '../images/engine.js';
import { makeHaproxyImage } from '../images/haproxy-image.js';
import { against, median, medianRatio, ms, span } from './figures.js';
import { find, freePort, run, type Ran } from './programs.js';
import { table } from './table.js';

const repository = resolve(__dirname, '../../..');
const bin = join(repository, 'packages/nx-deploy/dist/bundles/nx-deploy.js');
const DEADLINE = 180_000;
const ROUTER = 'haproxy:bench';
/** No slower than by hand but for a fifth; and what a person waits for. */
const AIM = { ratio: 1.2, deploy: 3_000, rollback: 1_000 };

interface Bench {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly image: string;
  readonly docker: (...args: readonly string[]) => Promise<string>;
}

/** Prints its tables. */
export async function benchDocker(runs: number, print: (text: string) => void): Promise<void> {
  print('\n== Docker: one container replaced by the next ==\n');
  const lack = lackOfEngine() ?? (find('haproxy') === undefined ? 'not installed: haproxy' : undefined);
  if (lack !== undefined) {
    print(`not measured: ${lack}`);
    return;
  }
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'nxd-bench-')));
  const engine = await startEngine(join(root, 'e'));
  try {
    const env = { ...process.env, DOCKER_HOST: engine.host, DOCKER_CONFIG: root, NX_DEPLOY_HOME: join(root, 'home'), NX_DAEMON: 'false', PATH: `${dirname(dockerClient().file)}:${process.env['PATH'] ?? ''}` };
    const docker = async (...args: readonly string[]): Promise<string> => (await run([dockerClient().file, ...args], DEADLINE, { env })).stdout.trim();
    const bench = { root, env, docker, image: 'steady:bench' };
    await images(bench);
    const ours = await measureOurs(bench, runs);
    const hand = await byHand(bench, runs);
    const compose = find('docker-compose') === undefined ? undefined : await byCompose(bench, runs);
    report({ ...ours, hand, compose }, print);
  } finally {
    await engine.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

async function images({ root, docker, image }: Bench): Promise<void> {
  const base = await makeBaseImage(join(root, 'base'));
  for (const [name, archive] of [['base', await baseArchive(base, 'node:bench')], ['haproxy', await baseArchive(await makeHaproxyImage(join(root, 'router')), ROUTER)]] as const) {
    writeFileSync(join(root, `${name}.tar`), archive);
    await docker('load', '--quiet', '--input', join(root, `${name}.tar`));
  }
  const folder = join(root, 'apps/api/dist');
  cpSync(join(repository, 'e2e/fixtures/services/steady'), folder, { recursive: true });
  writeFileSync(join(root, 'apps/api/Dockerfile'), 'FROM node:bench\nWORKDIR /app\nCOPY dist .\nENV PORT=3000 HOST=0.0.0.0\nCMD ["node", "main.js"]\n');
  await docker('build', '--quiet', '--tag', image, join(root, 'apps/api'));
}

async function measureOurs({ root, env }: Bench, runs: number): Promise<{ readonly deploys: readonly number[]; readonly rollbacks: readonly number[] }> {
  const write = (path: string, content: object | string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
  };
  write('package.json', { name: 'bench', version: '1.0.0', private: true });
  write('nx.json', { analytics: false, neverConnectToCloud: true });
  write('apps/api/project.json', { name: 'api' });
  write('apps/api/deploy.json', {
    artifact: { type: 'image', path: 'dist', entry: 'main.js', base: 'oci:{workspaceRoot}/base/layout' }, port: 3000, health: { path: '/health', interval: '100ms', passes: 1 },
    environments: { live: { platform: { type: 'docker', router: { image: ROUTER } }, listen: await freePort(), strategy: { type: 'rolling', batch: 100 }, watch: '0s' } },
  });
  const nxDeploy = (...args: readonly string[]): Promise<Ran> => run([process.execPath, bin, ...args], DEADLINE, { cwd: root, env });
  await nxDeploy('build-image', 'api');
  const [deploys, rollbacks]: [number[], number[]] = [[], []];
  // The first one makes the router.
  for (let index = -1; index < runs; index += 1) {
    write('apps/api/environments/live.env', `GREETING=${index}\n`);
    const { wall } = await nxDeploy('deploy', 'api', '-c', 'live');
    if (index < 0) continue;
    deploys.push(wall);
    rollbacks.push((await nxDeploy('rollback', 'api', '-c', 'live')).wall);
  }
  await nxDeploy('destroy', 'api', '-c', 'live', '--confirm=api');
  return { deploys, rollbacks };
}

async function byHand({ root, docker, image }: Bench, runs: number): Promise<readonly number[]> {
  const nginx = find('nginx');
  const folder = join(root, 'nginx');
  mkdirSync(folder);
  const port = await freePort();
  const point = (address: string): void => writeFileSync(join(folder, 'nginx.conf'), `daemon on; pid ${folder}/pid; error_log ${folder}/log; events {}\nhttp { access_log off; server { listen 127.0.0.1:${port}; location / { proxy_pass http://${address}:3000; } } }\n`);
  const times: number[] = [];
  let before: string | undefined;
  for (let index = -1; index < runs; index += 1) {
    const started = performance.now();
    const id = await docker('run', '--detach', '--env', `GREETING=${index}`, image);
    const address = await docker('inspect', '--format={{.NetworkSettings.IPAddress}}', id);
    await until(async () => (await fetch(`http://${address}:3000/health`)).ok);
    point(address);
    if (nginx !== undefined) await run([nginx, '-c', join(folder, 'nginx.conf'), ...(before === undefined ? [] : ['-s', 'reload'])], DEADLINE);
    if (before !== undefined) await docker('rm', '--force', await docker('stop', before));
    if (index >= 0) times.push(performance.now() - started);
    before = id;
  }
  if (nginx !== undefined) await run([nginx, '-c', join(folder, 'nginx.conf'), '-s', 'stop'], DEADLINE, { cleaning: true });
  if (before !== undefined) await docker('rm', '--force', before);
  return times;
}

async function byCompose({ root, env, docker, image }: Bench, runs: number): Promise<readonly number[]> {
  const folder = join(root, 'compose');
  mkdirSync(folder);
  const file = (greeting: number): void => writeFileSync(join(folder, 'docker-compose.yml'), [
    'version: "2.4"', 'services:', '  api:', `    image: ${image}`, '    network_mode: bridge', `    environment: { GREETING: "${greeting}" }`,
    '    healthcheck: { test: ["CMD", "wget", "-q", "-O", "/dev/null", "http://127.0.0.1:3000/health"], interval: 100ms, timeout: 1s, retries: 50 }', '',
  ].join('\n'));
  const compose = (...args: readonly string[]): Promise<Ran> => run(['docker-compose', '--project-name', 'bench', ...args], DEADLINE, { cwd: folder, env });
  const ids = async (): Promise<readonly string[]> => (await docker('ps', '--quiet', '--filter=label=com.docker.compose.project=bench')).split('\n').filter((id) => id !== '');
  file(-1);
  await compose('up', '-d');
  const times: number[] = [];
  for (let index = 0; index < runs; index += 1) {
    file(index);
    const started = performance.now();
    const old = await ids();
    await compose('up', '-d', '--no-deps', '--no-recreate', '--scale', 'api=2', 'api');
    const fresh = (await ids()).filter((id) => !old.includes(id));
    await until(async () => (await Promise.all(fresh.map((id) => docker('inspect', '--format={{.State.Health.Status}}', id)))).every((state) => state === 'healthy'));
    await docker('stop', ...old);
    await docker('rm', ...old);
    times.push(performance.now() - started);
  }
  await compose('down');
  return times;
}

async function until(fact: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 60_000;
  while (!await fact().catch(() => false)) {
    if (performance.now() > end) throw new Error('the container does not get ready');
    await sleep(100);
  }
}

interface Figures {
  readonly deploys: readonly number[];
  readonly rollbacks: readonly number[];
  readonly hand: readonly number[];
  readonly compose: readonly number[] | undefined;
}

function report({ deploys, rollbacks, hand, compose }: Figures, print: (text: string) => void): void {
  const row = (name: string, values: readonly number[]): readonly string[] => [name, ms(median(values)), span(values, ms), `${medianRatio(values, hand).toFixed(2)}x`];
  print(table(['', 'median', 'from .. to', 'by hand'], [
    row('nx-deploy deploy', deploys), row('nx-deploy rollback (the release before is started again)', rollbacks), row('by hand: run, wait, switch nginx, stop', hand),
    ...(compose === undefined ? [] : [row('as docker-rollout does', compose)]),
  ]));
  print(`\nagainst by hand: ${against(medianRatio(deploys, hand), { below: AIM.ratio }, (value) => `${value.toFixed(2)}x`)}`);
  print(`deploy ${against(median(deploys), { below: AIM.deploy }, ms)}; rollback ${against(median(rollbacks), { below: AIM.rollback }, ms)}`);
  if (compose === undefined) print('not compared: docker-compose is not installed (apt-get install docker-compose)');
}
