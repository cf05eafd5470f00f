import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deployFile, Recorder, Workbench } from '../commands/workbench.spec-support.js';
import { folderOf } from '../commands/tasks.spec-support.js';
import { approve, reject } from '../commands/answer.js';
import { wantedSteering } from './steering.js';

const CANARY = { type: 'canary', steps: [{ weight: 50, soak: '0s' }], smoke: [], soak: '0s', keepWarm: '0s', analyse: false } as const;
const STEERED = { ...CANARY, sticky: true, header: 'x-try' };

let bench: Workbench;
/** The newest version that was built. */
let count = 10;
beforeAll(async () => {
  bench = await Workbench.open();
  await bench.start();
});
afterAll(() => bench.close());

async function deployWith(strategy: object): Promise<{ readonly outcome: string; readonly release: string }> {
  await bench.write('apps/api/deploy.json', deployFile({ strategy, watch: '0s' }));
  const { document: { outcome, release = '' } } = await bench.deploy();
  return { outcome, release };
}

async function inForce(): Promise<unknown> {
  const { steering = {} } = JSON.parse(await readFile(join(folderOf(bench), 'service.json'), 'utf8')) as { readonly steering?: object };
  return steering;
}

test('a rollback and an answer bring no settings along; another strategy has none', () => {
  const canary = { type: 'canary', steps: [], sticky: true, header: 'x-try', smoke: [], soak: 0, keepWarm: 0 } as const;
  const to = { change: { action: 'rollback' }, strategy: canary } as const;
  expect(wantedSteering(to)).toBeUndefined();
  for (const action of ['approve', 'reject'] as const) expect(wantedSteering({ ...to, change: { action } })).toBeUndefined();
  const resume = { action: 'resume', rollbackHooks: { before: [], after: [] } } as const;
  expect(wantedSteering({ ...to, change: resume })).toEqual({ sticky: true, header: 'x-try' });
  expect(wantedSteering({ change: resume, strategy: { ...canary, sticky: false } })).toEqual({ header: 'x-try' });
  expect(wantedSteering({ change: resume, strategy: { type: 'rolling', batch: 25 } })).toEqual({});
});

test('the settings of a canary come with the deploy, stay over another agent and a rollback, and differ until the next one', async () => {
  await bench.project(deployFile({ strategy: CANARY, watch: '0s' }));
  const first = await deployWith(CANARY);
  expect(first.outcome).toBe('done');
  expect(await inForce()).toEqual({});
  // Nothing but the settings differs.
  expect(await deployWith(STEERED)).toEqual({ outcome: 'done', release: first.release });
  expect(await inForce()).toEqual({ sticky: true, header: 'x-try' });
  expect((await deployWith(STEERED)).outcome).toBe('unchanged');
  await bench.build('2');
  expect((await deployWith(STEERED)).outcome).toBe('done');
  await bench.agent?.stop(false);
  await bench.start();
  expect((await deployWith(STEERED)).outcome).toBe('unchanged');
  await bench.write('apps/api/deploy.json', deployFile({ strategy: { type: 'rolling' }, watch: '0s' }));
  expect((await bench.rollback()).document).toMatchObject({ outcome: 'done', release: first.release });
  expect(await inForce()).toEqual({ sticky: true, header: 'x-try' });
}, 60_000);

test('a deploy that fails puts back what was in force', async () => {
  await bench.build('3');
  let during: unknown;
  const output = new Recorder();
  output.onEvent = (event) => { if (event.type === 'stage' && event.stage === 'after-hooks' && event.state === 'start') during = inForce(); };
  await bench.write('apps/api/deploy.json', deployFile({ strategy: { type: 'rolling' }, watch: '0s', hooks: { postDeploy: [['node', '-e', 'setTimeout(() => process.exit(1), 500)']] } }));
  expect((await bench.deploy({}, {}, output)).document.outcome).toBe('restored');
  // The switch had been made.
  expect(await during).toEqual({});
  expect(await inForce()).toEqual({ sticky: true, header: 'x-try' });
}, 60_000);

describe('an answer brings none of its own: what the deploy brought is in force', () => {
  const asks = { ...STEERED, header: 'x-other', steps: [{ weight: 50, soak: '0s', approve: true }] };

  test.each([[approve, 'canary', { sticky: true, header: 'x-other' }], [reject, 'canary', { sticky: true, header: 'x-try' }], [approve, 'blue-green', {}]] as const)('%p of a %s', async (answer, type, expected) => {
    await deployWith(STEERED);
    await bench.build(String(count += 1));
    expect((await deployWith(type === 'canary' ? asks : { type, approve: true, keepWarm: '0s' })).outcome).toBe('paused');
    await bench.write('apps/api/deploy.json', deployFile({ strategy: { ...CANARY, header: 'x-edited' }, watch: '0s' }));
    expect((await answer(bench.context(), {})).document).toMatchObject({ outcome: 'done' });
    expect(await inForce()).toEqual(expected);
  }, 60_000);
});
