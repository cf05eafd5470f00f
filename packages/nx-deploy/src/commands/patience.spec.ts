import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deployFile, eventually, Workbench } from './workbench.spec-support.js';

/** How long an instance is waited for, and how it is let go. */
let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
  await bench.start();
});
afterEach(() => bench.close());

/** Answers /stream until SIGTERM, says farewell on it then, and ends. A file `sick-<instance>` in its workspace makes it unhealthy, `hold` keeps a second one so. */
function program(root: string): string {
  return `
const http = require('node:http'); const fs = require('node:fs');
const { PORT, NX_DEPLOY_INSTANCE: id } = process.env;
const flag = (name) => fs.existsSync(${JSON.stringify(root)} + '/' + name);
const streams = new Set();
http.createServer((request, response) => {
  if (request.url === '/stream') { response.write('hello\\n'); streams.add(response); return; }
  if (request.url === '/crash') process.exit(9);
  response.statusCode = flag('sick-' + id) || (id !== 'web.1' && flag('hold')) ? 503 : 200;
  response.end(String(process.pid));
}).listen(Number(PORT), '127.0.0.1');
process.on('SIGTERM', () => {
  let left = streams.size;
  for (const stream of streams) stream.end('farewell\\n', () => { if ((left -= 1) === 0) process.exit(0); });
  if (left === 0) process.exit(0);
});`;
}

async function service(instances: number, deploy: object = {}): Promise<void> {
  const strategy = { type: 'rolling', batch: 50 };
  await bench.project(deployFile({ health: { path: '/health', interval: '50ms', timeout: '20s' }, environments: { staging: { instances, strategy } }, ...deploy }));
  await bench.write('apps/api/dist/main.js', program(bench.root));
}

test('a stream that is open when draining ends is ended by the program itself, which is told to end before it is cut off', async () => {
  await service(1, { drain: '300ms', stopTimeout: '10s' });
  const { document: { url = '' } } = await bench.deploy();
  const stream = await fetch(`${url}/stream`);
  const told = stream.text();
  await bench.write('apps/api/dist/version.txt', '2\n');
  expect((await bench.deploy()).document.outcome).toBe('done');
  expect(await told).toBe('hello\nfarewell\n');
});

test('crashes of long ago do not make an instance hopeless that falls ill while a deploy waits', async () => {
  await service(1);
  const { document: { release } } = await bench.deploy();
  for (const crashes of [1, 2, 3]) {
    await fetch(`http://127.0.0.1:${(await bench.status()).instances[0]?.port ?? 0}/crash`).catch(() => undefined);
    await eventually(async () => (await bench.status()).instances.every((instance) => instance.crashes === crashes && instance.state === 'ready'), `crash ${crashes}`);
  }
  const [sick, hold] = ['sick-web.1', 'hold'].map((name) => join(bench.root, name)) as [string, string];
  await writeFile(hold, '');
  await service(2);
  const deploying = bench.deploy();
  const state = async (id: string): Promise<string | undefined> => (await bench.status()).instances.find((instance) => instance.id === id)?.state;
  await eventually(async () => await state('web.2') === 'starting', 'the second instance');
  await writeFile(sick, '');
  await eventually(async () => await state('web.1') !== 'ready', 'the first one to fall ill');
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  expect((await bench.status()).lock).toBeDefined();
  await Promise.all([rm(sick), rm(hold)]);
  expect((await deploying).document).toMatchObject({ outcome: 'done', release });
}, 40_000);
