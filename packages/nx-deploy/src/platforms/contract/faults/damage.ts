/** Damaged state: nothing of it is ever taken for empty, and no instance that carries traffic is stopped for it. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { isRunning } from '../../../../../../e2e/support/processes.js';
import { inTurn } from '../../../../../../tools/testing/sample.js';
import type { ServiceStatus } from '../../../control/protocol.js';
import { asDeployError, type SerializedError } from '../../../errors.js';
import type { Consequence, FaultPlace, FaultService, FaultSubject, StateFile } from './harness.js';
import { answers, eventually, expectFleet, inPlace, pidsOf, SEED, SOAK, steady, Traffic, type Strategy } from './observe.js';

const GARBAGE = Buffer.from([0, 255, 123, 10, 0, 34, 195, 40, 10, 125, 0, 7]);
export const GONE = 'gone';

/** What is left of a file; undefined when it is removed. */
export const WAYS: Readonly<Record<string, (content: Buffer) => Buffer | undefined>> = {
  truncated: (content) => content.subarray(0, Math.floor(content.length / 2)),
  emptied: () => Buffer.alloc(0),
  'filled with garbage': (content) => Buffer.concat(Array.from({ length: Math.ceil(content.length / GARBAGE.length) + 1 }, () => GARBAGE)),
  'of another shape': () => Buffer.from('{"schema":1,"instances":{"web.1":null},"weights":[],"releases":[1]}\n'),
  [GONE]: () => undefined,
};

export async function leave(path: string, content: Buffer | undefined): Promise<void> {
  if (content === undefined) await rm(path, { force: true });
  else await writeFile(path, content);
}

/** One that may have a gap, and one that may not. */
const STRATEGIES = ['rolling', 'recreate'] as const;

/** When a file is damaged. An ordinary run damages each file in each way in one of these, which the seed picks; a soak in all of them. */
const SITUATIONS = ['rolling', 'recreate', 'rolling at start', 'rolling', 'rolling at start'] as const;
type Situation = (typeof SITUATIONS)[number] | 'recreate at start';

interface Case {
  readonly place: FaultPlace;
  readonly service: FaultService;
  readonly strategy: Strategy;
  readonly file: StateFile;
  readonly gone: boolean;
  readonly damage: () => Promise<void>;
}

/** Every kind of file in every way, while the process runs that makes the changes. */
export function describeDamage(subject: FaultSubject, names: readonly string[]): void {
  describe.each(STRATEGIES)(`${subject.name}: state damaged under traffic, %s`, (strategy) => {
    let place: FaultPlace;
    let service: FaultService;
    let traffic: Traffic;
    let version = 0;
    const next = (): string => String(version += 1);
    beforeAll(async () => {
      place = await subject.open();
      service = place.service('damaged');
      expect(await service.deploy(steady(strategy, next()))).toMatchObject({ outcome: 'done' });
      traffic = await Traffic.start(service, strategy);
    });
    afterAll(async () => {
      process.stdout.write(`damage under traffic, ${strategy} (NX_DEPLOY_SEED=${SEED})\n`);
      try {
        await traffic.stop();
      } finally {
        await place.close();
      }
    });

    test.each(casesOf(names, strategy))('%s %s', async (name, way) => {
      const work = await caseOf(place, service, strategy, name, way);
      const before = await service.status();
      await work.damage();
      await lookAt(work, consequence(work, 'meanwhile'), before);
      await traffic.during(() => change(work, consequence(work, 'meanwhile'), before, next()));
    });
  });
}

/** The same with the process started again behind the damage, where only what is stored is known. */
export function describeDamageAtStart(subject: FaultSubject, names: readonly string[]): void {
  describe.each(SOAK ? STRATEGIES : ['rolling'] as const)(`${subject.name}: state damaged while nobody makes changes, %s`, (strategy) => {
    test.each(casesOf(names, `${strategy} at start`))('%s %s', (name, way) => inPlace(subject, {}, async (place) => {
      const service = place.service('damaged');
      await service.deploy(steady(strategy, '1', { instances: 1 }));
      const work = await caseOf(place, service, strategy, name, way);
      const before = await service.status();
      await work.damage();
      await place.restart();
      expect(pidsOf(before).every(isRunning)).toBe(true);
      // Whether what was found among the processes was ready stood in the record: its checks begin anew.
      if (work.gone) await eventually(async () => (await service.status().catch(() => before)).instances.every(({ state }) => state === 'ready'), 'the instances to be ready again');
      await lookAt(work, consequence(work, 'afterRestart'), before);
      await change(work, consequence(work, 'afterRestart'), before, '2');
    }));
  });

  test(`${subject.name}: the service record and the whole ledger are gone: not taken for a service that was never deployed`, () => inPlace(subject, {}, async (place) => {
    const service = place.service('damaged');
    await service.deploy(steady('rolling', '1'));
    const before = await service.status();
    const files = await service.files();
    const record = files.find(({ name }) => name === 'service record');
    for (const { path, name } of files) if (name === 'service record' || name.startsWith('ledger')) await rm(path);
    await place.restart();
    await expect(service.status()).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
    const refused = await service.deploy(steady('rolling', '2'));
    expectNamed(refused.error ?? { code: 'ND-INTERNAL', what: 'no error' }, record ?? { path: 'a platform without a record' });
    expect(await service.repair()).toMatchObject({ outcome: 'done' });
    expect(pidsOf(await service.status())).toEqual(pidsOf(before));
    expect(await answers((await service.status()).url)).toBe(before.live);
    expect(await service.deploy(steady('rolling', '2'))).toMatchObject({ outcome: 'done' });
    expect((await service.status()).ledger.ok).toBe(false);
  }));
}

/** There are as many situations as ways, so that a soak damages each file in every way in every situation; an ordinary run takes every other way of each file. */
function casesOf(names: readonly string[], situation: Situation): readonly (readonly [string, string])[] {
  return names.flatMap((name, file) => Object.keys(WAYS)
    .filter((_way, index) => SOAK || (inTurn(SITUATIONS, file + index, SEED) === situation && inTurn([true, false], file + index, Math.floor(SEED / SITUATIONS.length))))
    .map((way) => [name, way] as const));
}

function consequence({ file, gone }: Case, when: 'meanwhile' | 'afterRestart'): Consequence {
  return (gone ? file.gone : undefined)?.[when] ?? file[when];
}

async function caseOf(place: FaultPlace, service: FaultService, strategy: Strategy, name: string, way: string): Promise<Case> {
  const file = (await service.files()).find((candidate) => candidate.name === name);
  const spoil = WAYS[way];
  if (file === undefined || spoil === undefined) throw new Error(`the platform has no file ${name}`);
  const content = existsSync(file.path) ? await readFile(file.path) : await journalOf(service, strategy, file.path);
  return { place, service, strategy, file, gone: way === GONE, damage: () => leave(file.path, spoil(content)) };
}

/** Of a change that goes on; one that fails before anything changes is enough. */
async function journalOf(service: FaultService, strategy: Strategy, path: string): Promise<Buffer> {
  const program = `process.stdout.write(require('node:fs').readFileSync(${JSON.stringify(path)}, 'base64') + '\\n'); process.exit(3)`;
  let text = '';
  const { live } = await service.status();
  await service.deploy(steady(strategy, `never ${path}`, {
    before: [{ run: [process.execPath, '-e', program], env: {}, timeout: 10_000, cwd: '/' }],
    watch: (event) => { if (event.type === 'output') text += event.line; },
  }));
  expect((await service.status()).live).toBe(live);
  expect(text.length).toBeGreaterThan(100);
  return Buffer.from(text, 'base64');
}

/** status, and the instances that were there before. */
async function lookAt({ service, file }: Case, consequence: StateFile['meanwhile'], before: ServiceStatus): Promise<void> {
  const seen = await service.status().catch((error: unknown) => asDeployError(error).toJSON());
  if ('code' in seen) expectNamed(seen, file);
  else expect(seen).toMatchObject({ deployed: true, live: before.live, fleet: before.fleet });
  if (consequence === 'told') expect(seen).toMatchObject({ ledger: { ok: false, broken: expect.stringContaining(file.path) } });
  expect(pidsOf(before).every(isRunning)).toBe(true);
}

export function expectNamed(error: SerializedError, { path }: Pick<StateFile, 'path'>): void {
  expect(error).toMatchObject({ code: 'ND-STATE-DAMAGED', where: expect.stringContaining(path), why: expect.any(String), next: expect.stringContaining('repair') });
}

/** The next deploy goes on or is refused; what was refused goes on after a repair, which stops nothing. */
async function change(work: Case, consequence: StateFile['meanwhile'], before: ServiceStatus, version: string): Promise<void> {
  const { service, strategy, file } = work;
  const order = steady(strategy, version, { instances: pidsOf(before).length });
  let result = await service.deploy(order);
  if (consequence === 'refused') {
    expect(result).toMatchObject({ outcome: 'refused' });
    expectNamed(result.error ?? { code: 'ND-INTERNAL', what: 'no error' }, file);
    expect(pidsOf(before).every(isRunning)).toBe(true);
    await repair(work, before);
    result = await service.deploy(order);
  }
  expect(result).toMatchObject({ outcome: 'done' });
  await expectFleet(service, result.release, order.instances);
  const { ledger } = await service.status();
  expect(ledger).toMatchObject(consequence === 'told' ? { ok: false, broken: expect.stringContaining(file.path) } : { ok: true });
}

async function repair({ service, file, gone }: Case, before: ServiceStatus): Promise<void> {
  const repaired = await service.repair();
  // What should run and is in no record any more cannot be brought back by anybody.
  const lost = file.disowns === true && (await service.status()).instances.length === 0;
  expect(repaired).toMatchObject(lost ? { outcome: 'not-restored', error: { code: 'ND-RELEASE-UNKNOWN' } } : { outcome: 'done' });
  const name = file.path.slice(file.path.lastIndexOf('/') + 1);
  if (!gone) expect(repaired.notes.join('\n')).toContain(`${file.path}.damaged-`);
  expect(repaired.notes.join('\n')).toContain(!gone ? `${name} was damaged` : file.disowns === true ? 'the record of its release is gone' : `${name} was gone`);
  expect(pidsOf(before).every(isRunning)).toBe(true);
  const status = await service.status();
  if (file.disowns === true && status.instances.length === 0) {
    // The processes are told, and left to whoever reads that.
    for (const pid of pidsOf(before)) {
      expect(repaired.notes.join('\n')).toContain(`(process ${pid})`);
      process.kill(-pid, 'SIGKILL');
    }
    return;
  }
  expect(pidsOf(status)).toEqual(pidsOf(before));
  expect(await answers(status.url)).toBe(before.live);
}
