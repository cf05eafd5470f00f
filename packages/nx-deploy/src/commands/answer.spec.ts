import { readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceStatus } from '../control/protocol.js';
import { approve, reject, type AnswerOptions } from './answer.js';
import { status } from './status.js';
import { deployFile, get, Recorder, Workbench, type Ran } from './workbench.spec-support.js';

let bench: Workbench;
let project: string;
let count = 0;
const asks = (gate = 'are the figures fine?'): object => deployFile({ strategy: { type: 'blue-green', approve: gate, keepWarm: '0s' }, watch: '0s' });
beforeAll(async () => {
  bench = await Workbench.open();
  await bench.start();
});
afterAll(() => bench.close());

/** A project of its own for each test, of which version 1 runs. */
async function running(deployJson = asks()): Promise<string> {
  count += 1;
  project = `service-${count}`;
  await bench.project(deployFile(), { name: project });
  const { document } = await bench.deploy({}, { project });
  await bench.write(`apps/${project}/deploy.json`, deployJson);
  await bench.build('2', 'steady', project);
  return document.release ?? '';
}

async function answered(command: typeof approve, options: AnswerOptions = {}, output = new Recorder()): Promise<Ran> {
  return { ...await command(bench.context({ project }, output), options), output } as Ran;
}

async function shown(): Promise<{ readonly text: string; readonly document: ServiceStatus }> {
  const output = new Recorder();
  const { document } = await status(bench.context({ project }, output), {});
  return { text: output.text, document: document as ServiceStatus };
}

async function version(url: string | undefined): Promise<unknown> {
  return (JSON.parse((await get(url)).body) as { version: unknown }).version;
}

test('a deploy that asks ends with 4 and says how to answer; status tells the same; approved, it goes on', async () => {
  const first = await running();
  const asked = await bench.deploy({}, { project });
  const second = asked.document.release ?? '';
  expect(asked.output.errors).toEqual([]);
  expect(asked).toMatchObject({ exitCode: 4, document: { outcome: 'paused', exitCode: 4, action: 'deploy', previous: first, paused: { gate: 'are the figures fine?' } } });
  expect(asked.output.lines[0]).toMatch(new RegExp(`^paused: ${project} staging in `));
  expect(asked.output.text).toContain(`\n  approve   nx run ${project}:approve --configuration=staging --gate=${asked.document.paused?.id ?? ''}\n  reject    nx run ${project}:reject --configuration=staging --gate=${asked.document.paused?.id ?? ''}\n`);
  expect(await version(asked.document.url)).toBe('1');

  const waits = await shown();
  const { paused, interrupted, lock, releases } = waits.document;
  expect(paused).toMatchObject({ ...asked.document.paused, run: asked.document.run, action: 'deploy', release: second });
  expect(Date.parse(paused?.expires ?? '') - Date.parse(paused?.since ?? '')).toBe(24 * 60 * 60_000);
  expect([interrupted, lock]).toEqual([undefined, undefined]);
  expect(releases[0]).toMatchObject({ id: second, outcome: 'waiting', decisions: [{ kind: 'paused', gate: 'are the figures fine?' }] });
  expect(waits.text).toContain(`the deploy ${asked.document.run} of `);
  expect(waits.text).toContain(`  approve   nx run ${project}:approve --configuration=staging --gate=${paused?.id ?? ''}`);
  expect(await bench.deploy({}, { project })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-PAUSED' } } });

  const output = new Recorder();
  const meanwhile: Promise<ServiceStatus>[] = [];
  output.onEvent = ({ type }) => {
    if (type === 'step') meanwhile.push(bench.status({ project }));
  };
  const done = await answered(approve, { note: ' fine \u001b[31m' }, output);
  // It has the lock in its own name and goes on with the record of the deploy: neither waits nor is interrupted.
  const [going] = await Promise.all(meanwhile);
  expect(going?.lock).toBeDefined();
  expect([going?.paused, going?.interrupted]).toEqual([undefined, undefined]);
  expect(done.output.errors).toEqual([]);
  expect(done).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'deploy', decision: 'approved', release: second, previous: first } });
  expect(done.output.lines[0]).toMatch(new RegExp(`^deployed: ${project} staging in `));
  expect(await version(asked.document.url)).toBe('2');
  const after = await shown();
  expect(after.document.paused).toBeUndefined();
  expect(after.document.releases[0]).toMatchObject({ id: second, outcome: 'done', decisions: [{ kind: 'paused' }, { kind: 'approved', note: expect.stringMatching(/^fine/) }] });
  expect(after.text).toMatch(new RegExp(`^\\S+Z +${second} +deploy +approved +\\S+@\\S+ +fine *$`, 'm'));
  expect(after.text).toMatch(/^[\n\x20-\x7e]*$/);
});

test('an answer that names its question answers no other: neither the next of the same deploy nor that of another one', async () => {
  await running(deployFile({ strategy: { type: 'canary', steps: [25, 50].map((weight) => ({ weight, soak: '0s', approve: 'fine?' })), keepWarm: '0s' }, watch: '0s' }));
  const asked = await bench.deploy({}, { project });
  const { paused, run } = asked.document;
  const id = paused?.id;
  expect(id).toMatch(/^g[0-9a-f]{8}$/);
  const gate = String(id);
  expect(await answered(approve, { gate: '' })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-OPTION-INVALID' } } });
  const next = await answered(approve, { gate, run });
  const second = (await shown()).document.paused;
  expect(next).toMatchObject({ exitCode: 4, document: { paused: { id: second?.id, gate: 'fine?' } } });
  expect(next.output.text).toContain(`:approve --configuration=staging --gate=${String(second?.id)}\n`);
  for (const command of [approve, reject]) {
    for (const wrong of [{ gate }, { run: 'run-of-another' }, { gate: 'not fine?' }, { gate: 'fine?', run: 'run-of-another' }]) {
      expect(await answered(command, wrong)).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-NOT-PAUSED', why: expect.stringContaining(`${run} asks now, as ${String(second?.id)}: fine?`) } } });
    }
  }
  expect((await shown()).document.paused).toEqual(second);
  expect(await answered(reject, { gate: 'fine?', run })).toMatchObject({ exitCode: 0, document: { decision: 'rejected' } });
  expect((await bench.deploy({}, { project })).exitCode).toBe(4);
  expect(await answered(reject, { run })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-PAUSED' } } });
}, 30_000);

test('rejected, what ran before has all of the traffic, and the next deploy asks again', async () => {
  const first = await running();
  const asked = await bench.deploy({}, { project });
  const back = await answered(reject, { note: 12 });
  expect(back).toMatchObject({ exitCode: 0, document: { outcome: 'done', decision: 'rejected', release: first } });
  expect(back.output.lines[0]).toBe(`rejected: ${project} staging, ${first} has all of the traffic again`);
  expect(await version(asked.document.url)).toBe('1');
  const { document } = await shown();
  expect(document).toMatchObject({ live: first, releases: [{ id: asked.document.release, outcome: 'restored', decisions: [{ kind: 'paused' }, { kind: 'rejected', note: '12' }] }, { id: first }] });
  expect(Object.keys(document.fleet)).toEqual([first]);
  expect((await bench.deploy({}, { project })).exitCode).toBe(4);
  // A rollback to nothing in particular refuses what waits.
  const rolled = await bench.rollback({}, { project });
  expect(rolled).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'rollback', decision: 'rejected', release: first } });
  expect(rolled.output.lines[0]).toMatch(/^rejected: /);
});

test('what was never deployed, or waits for nothing, cannot be answered', async () => {
  await running();
  for (const command of [approve, reject]) {
    expect(await answered(command)).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-NOT-PAUSED' } } });
  }
  project = 'never';
  await bench.project(deployFile(), { name: project });
  expect(await answered(approve)).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-DEPLOYED' } } });
});

test('a note that is too long is refused before anything is asked; a blank one is none', async () => {
  await running();
  await bench.deploy({}, { project });
  expect(await answered(approve, { note: 'x'.repeat(501) })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-OPTION-INVALID', what: 'the note has 501 characters' } } });
  expect((await shown()).document.paused).toBeDefined();
  expect(await answered(approve, { note: '  ' })).toMatchObject({ exitCode: 0 });
  expect((await shown()).document.releases[0]?.decisions?.[1]).not.toHaveProperty('note');
});

test('a terminal cannot be harmed by a question or a note', async () => {
  await running(asks('look at the caf\u00e9'));
  const asked = await bench.deploy({}, { project });
  expect(asked.exitCode).toBe(4);
  const waits = await shown();
  const back = await answered(reject, { note: 'no \u001b]0;x\u0007' });
  for (const text of [asked.output.text, waits.text, back.output.text]) expect(text).toMatch(/^[\n\x20-\x7e]*$/);
  expect(waits.text).toContain('  asked     look at the caf\\u{e9}');
});

describe('events', () => {
  async function events(file: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const text = await readFile(file, 'utf8');
    expect(text.endsWith('\n')).toBe(true);
    return text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  test('are in the file as they happen, each with its time, the result last', async () => {
    await running();
    const file = join(bench.folder, 'events.jsonl');
    const output = new Recorder();
    const during: number[] = [];
    output.onEvent = (event) => {
      if (event.type === 'step') during.push(readFileSync(file, 'utf8').trimEnd().split('\n').length);
    };
    const asked = await bench.deploy({ events: file }, { project }, output);
    const told = await events(file);
    expect(told.slice(0, -1).map(({ at: _at, ...event }) => event)).toEqual(output.events);
    expect(during[0]).toBe(output.events.findIndex(({ type }) => type === 'step') + 1);
    expect(told.at(-1)).toEqual({ at: expect.any(String), type: 'result', ...asked.document });
    for (const { at } of told) expect(new Date(String(at)).toISOString()).toBe(at);
    const back = await answered(reject, { events: file });
    const [first, ...rest] = await events(file);
    expect(first).toMatchObject({ type: 'restore' });
    expect(rest.at(-1)).toEqual({ at: expect.any(String), type: 'result', ...back.document });
  });

  test('that cannot be written are refused before anything is begun', async () => {
    await running();
    const before = (await shown()).document.ledger;
    await mkdir(join(bench.folder, 'a-folder'), { recursive: true });
    for (const [file, why] of [[join(bench.folder, 'no', 'such.jsonl'), 'ENOENT'], [join(bench.folder, 'a-folder'), 'EISDIR']] as const) {
      expect(await bench.deploy({ events: file }, { project })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-OPTION-INVALID', why } } });
    }
    expect((await shown()).document.ledger).toEqual(before);
  });
});

describe('a watch', () => {
  test('given with the command keeps the command until it is over; without it the agent watches by itself', async () => {
    await running(deployFile({ watch: '1h' }));
    const started = performance.now();
    const stayed = await bench.deploy({ watch: '1500ms' }, { project });
    expect(stayed).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
    expect(performance.now() - started).toBeGreaterThan(1_500);
    expect(stayed.output.events).toContainEqual({ type: 'waiting', release: stayed.document.release, for: 'a watch of 1.5s', ms: 1_500 });
    expect((await shown()).document.watch).toBeUndefined();
    await bench.build('3', 'steady', project);
    const left = await bench.deploy({}, { project });
    const { document, text } = await shown();
    expect(document.watch).toEqual({ release: left.document.release, until: expect.any(String) });
    expect(text).toContain(`${left.document.release ?? ''} is watched until 20`);
  });

  test('is left by a signal, and goes on by itself: the deploy stands', async () => {
    await running(deployFile());
    const before = process.listeners('SIGTERM');
    const output = new Recorder();
    output.onEvent = ({ type }) => {
      // As a signal would call it; those of the tests' own runner are left alone.
      if (type === 'waiting' && output.events.some((event) => event.type === 'stage' && event.stage === 'record')) {
        for (const listener of process.listeners('SIGTERM').filter((each) => !before.includes(each))) listener('SIGTERM');
      }
    };
    const left = await bench.deploy({ watch: '1h' }, { project }, output);
    expect(left).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
    expect(output.lines[0]).toBe('SIGTERM: no longer watching; the agent goes on by itself');
    expect((await shown()).document).toMatchObject({ live: left.document.release, watch: { release: left.document.release } });
    expect(process.listeners('SIGTERM')).toEqual(before);
  });

  test('that is no duration is refused', async () => {
    await running();
    expect(await bench.deploy({ watch: 'long' }, { project })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-OPTION-INVALID', what: '--watch=long is no duration' } } });
  });
});
