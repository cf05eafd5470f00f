import { deployFile, eventually, Recorder, Workbench } from '../commands/workbench.spec-support.js';

const WARM = { type: 'blue-green', keepWarm: '2s', soak: '0s', smoke: [] } as const;

let bench: Workbench;
let first: string;
let url: string;
beforeEach(async () => {
  bench = await Workbench.open();
  await bench.start();
  await bench.project(file());
  ({ document: { release: first = '', url = '' } } = await bench.deploy());
  await bench.build('2');
});
afterEach(() => bench.close());

function file(extra: object = {}): object {
  return deployFile({ strategy: WARM, watch: '0s', drain: '4s', ...extra });
}

const isThere = async (id: string): Promise<boolean> => (await bench.status()).fleet[id] !== undefined;

test('a deploy waits for what is still being ended, and is not refused', async () => {
  const stream = await fetch(`${url}/events?count=1000&interval=100`);
  const reader = stream.body?.getReader();
  expect((await bench.deploy()).document.outcome).toBe('done');
  // The stream keeps its instance draining for up to 4 s.
  await eventually(async () => ((await bench.status()).fleet[first]?.processes['web']?.draining ?? 0) > 0, 'the first release to drain');
  expect(await bench.status()).not.toHaveProperty('lock');
  await bench.build('3');
  const { document: { outcome }, output } = await bench.deploy();
  expect([outcome, output.errors]).toEqual(['done', []]);
  expect(await isThere(first)).toBe(false);
  await reader?.cancel().catch(() => undefined);
}, 30_000);

test('while a change holds the lock nothing is ended; after that it is', async () => {
  // Long enough for the next deploy to begin on a machine that has little time.
  const strategy = { ...WARM, keepWarm: '8s' };
  await bench.write('apps/api/deploy.json', file({ strategy }));
  const { document: { release: second = '' } } = await bench.deploy();
  const until = Date.parse((await bench.status()).fleet[first]?.until ?? '');
  const hook = 'setInterval(() => { if (require("node:fs").existsSync("go-on")) process.exit(1); }, 50)';
  await bench.write('apps/api/deploy.json', file({ strategy, hooks: { preDeploy: [['node', '-e', hook]] } }));
  await bench.build('3');
  const output = new Recorder();
  const failing = bench.deploy({}, {}, output);
  await eventually(() => output.events.some((event) => event.type === 'stage' && event.stage === 'before-hooks'), 'the hook to run');
  expect(Date.now()).toBeLessThan(until);
  await new Promise((resolve) => { setTimeout(resolve, until - Date.now() + 1_500); });
  expect(await isThere(first)).toBe(true);
  await bench.write('apps/api/go-on', {});
  expect((await failing).document.outcome).toBe('restored');
  await eventually(async () => !await isThere(first), 'it to be ended');
  expect(await bench.status()).toMatchObject({ live: second });
}, 60_000);
