import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { identity } from '../shell/process-table.js';
import { destroy, type DestroyOptions } from './destroy.js';
import { askOnTerminal, type Ask } from './prompt.js';
import { status } from './status.js';
import { done, folderOf, interrupt, namesIn, stateOf, type Done } from './tasks.spec-support.js';
import { deployFile, eventually, get, Recorder, Workbench } from './workbench.spec-support.js';

let bench: Workbench;
beforeEach(async () => {
  bench = await Workbench.open();
  await bench.start();
  await bench.project(deployFile({ environments: { staging: { instances: 2 } }, processes: { worker: { command: ['node', 'worker.js'] } } }));
  await bench.write('apps/api/dist/worker.js', 'setInterval(() => {}, 1000);');
  await bench.write('environments/env.schema.json', { type: 'object', properties: { TOKEN: { type: 'string', 'x-secret': true } } });
  await bench.write('apps/api/environments/staging.env', 'TOKEN=planted-secret\n');
});
afterEach(() => bench.close());

function end(options: DestroyOptions = { confirm: 'api' }, ask: Ask = () => Promise.resolve(undefined)): Promise<Done> {
  return done(bench, (context) => destroy(context, options, ask));
}

test.each([
  [{}, undefined],
  [{ confirm: '' }, undefined],
  [{ confirm: 'apii' }, undefined],
  [{ confirm: 'API' }, undefined],
  [{ confirm: 7 }, undefined],
  [{}, 'no'],
  [{}, ''],
])('with %j and the answer %j it is refused, and nothing changes', async (options, answer) => {
  const { document: { url } } = await bench.deploy();
  const refused = await end(options, () => Promise.resolve(answer));
  expect(refused).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-NOT-CONFIRMED', next: expect.stringContaining('--confirm=api') } } });
  expect(await get(url)).toMatchObject({ status: 200 });
});

test('it ends all that runs, closes the address, removes all that is stored but the ledger, and a deploy starts afresh', async () => {
  const first = (await bench.deploy()).document;
  await bench.build('2');
  await bench.write('apps/api/dist/worker.js', 'setInterval(() => {}, 1000);');
  const second = (await bench.deploy()).document;
  const running = (await bench.status()).instances.map(({ pid }) => pid ?? 0);
  expect(running).toHaveLength(3);
  await interrupt(bench, first.release ?? '', second.release ?? '');

  const planned = await end({ dryRun: true });
  expect(planned).toMatchObject({ exitCode: 0, document: { outcome: 'planned', url: second.url } });
  expect(planned.document.removed?.releases).toHaveLength(2);
  expect(await get(second.url)).toMatchObject({ status: 200 });

  const questions: string[] = [];
  const ended = await end({}, (question) => {
    questions.push(question);
    return Promise.resolve(' api\n');
  });
  expect(questions).toEqual(['type api to go on: ']);
  expect(ended).toMatchObject({ exitCode: 0, document: { outcome: 'done', action: 'destroy', ledgerHead: expect.stringMatching(/^[0-9a-f]{64}$/) } });
  expect(ended.output.lines[0]).toMatch(/^api \(staging\) at http:.*: 3 instances will be ended, 2 releases with their values and logs removed; this cannot be undone$/);
  expect(ended.output.lines.at(-1)).toMatch(/^destroyed: api staging in .*; its ledger stays, head [0-9a-f]{16}$/);
  await expect(get(second.url)).rejects.toThrow();
  for (const pid of running) expect(await identity(pid)).toBeUndefined();
  expect([...await namesIn(folderOf(bench))].sort()).toEqual(['instances.json', 'ledger', 'service.json']);

  const output = new Recorder();
  const shown = await status(bench.context({}, output), { verify: true });
  expect(shown).toMatchObject({ exitCode: 0, document: { deployed: false, instances: [], fleet: {}, destroyed: { by: expect.stringContaining('@') }, releases: [{ id: '-', action: 'destroy', outcome: 'done' }, { available: false }, { available: false }] } });
  expect(shown.document).not.toHaveProperty('url');
  expect(output.lines[0]).toMatch(/^api staging on local: destroyed at \d{4}-.* by .*@.*; a deploy starts afresh$/);
  expect(await end()).toMatchObject({ exitCode: 0, document: { outcome: 'unchanged' } });
  expect(await bench.rollback()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-RELEASE-UNKNOWN' } } });
  expect(await bench.deploy({ resume: true })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-INTERRUPTED' } } });

  const again = await bench.deploy();
  expect(again.document).toMatchObject({ outcome: 'done', release: second.release });
  expect(again.document.previous).toBeUndefined();
  expect(await get(again.document.url)).toMatchObject({ status: 200 });
  expect(await bench.rollback()).toMatchObject({ exitCode: 3 });
  const after = await bench.status();
  expect(after.destroyed).toBeUndefined();
  expect(after.ledger).toMatchObject({ ok: true, entries: 8 });
});

test('the next agent knows that it is destroyed', async () => {
  await bench.deploy();
  await end();
  await bench.agent?.stop(false);
  bench.agent = undefined;
  await bench.start();
  expect(await bench.status()).toMatchObject({ deployed: false, destroyed: {}, instances: [] });
});

test('what was never deployed is refused; a dry run of it too', async () => {
  expect(await end()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-DEPLOYED' } } });
  expect(await end({ dryRun: true })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-NOT-DEPLOYED' } } });
});

test('while a run holds the lock it is refused; of two at once one finds nothing left, or is refused', async () => {
  const { document: { url } } = await bench.deploy();
  await bench.write('apps/api/deploy.json', deployFile({ hooks: { preDeploy: [['node', '-e', 'console.log("waiting"); setTimeout(() => {}, 60000)']] } }));
  const output = new Recorder();
  const running = bench.deploy({}, {}, output);
  await eventually(() => output.events.some(({ type }) => type === 'output'), 'the hook');
  expect(await end()).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-LOCKED' } } });
  expect(await get(url)).toMatchObject({ status: 200 });
  await (await bench.client()).call('cancel', { run: (await bench.status()).lock?.run ?? '' });
  await running;
  const outcomes = (await Promise.all([end(), end()])).map(({ document: { outcome } }) => outcome).sort();
  expect(outcomes[0]).toBe('done');
  expect(['refused', 'unchanged']).toContain(outcomes[1]);
  expect((await stateOf(bench).ledger.entries()).filter(({ kind }) => kind === 'destroyed')).toHaveLength(1);
});

test('one that was killed is named by status and finished by the next', async () => {
  const { document: { release = '' } } = await bench.deploy();
  await stateOf(bench).ledger.append({ kind: 'destroy', run: 'run-killed', at: '2026-01-31T12:00:00.000Z', actor: { user: 'ann', host: 'there', pid: 1 }, releases: [release] });
  const output = new Recorder();
  await status(bench.context({}, output), {});
  expect(output.text).toContain('the destroy run-killed of 2026-01-31T12:00:00.000Z was interrupted at an unknown step; run destroy again');
  expect(await end()).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  expect((await bench.status()).interrupted).toBeUndefined();
});

test('a release whose record is damaged goes as well', async () => {
  const { document: { release = '' } } = await bench.deploy();
  const running = (await bench.status()).instances.map(({ pid }) => pid ?? 0);
  await writeFile(join(folderOf(bench), `releases/${release}.json`), '{');
  expect(await end()).toMatchObject({ exitCode: 0, document: { outcome: 'done' } });
  for (const pid of running) expect(await identity(pid)).toBeUndefined();
  expect(await namesIn(join(folderOf(bench), 'releases'))).toEqual([]);
});

describe('askOnTerminal', () => {
  const terminal = (isTTY: boolean): { stdin: PassThrough & { isTTY: boolean }; stdout: PassThrough & { isTTY: boolean } } => ({
    stdin: Object.assign(new PassThrough(), { isTTY }), stdout: Object.assign(new PassThrough(), { isTTY }),
  });

  it('asks on a terminal and gives the line that was typed', async () => {
    const { stdin, stdout } = terminal(true);
    const answer = askOnTerminal('name? ', { stdin, stdout });
    stdin.write('api\n');
    expect(await answer).toBe('api');
    expect(String(stdout.read())).toContain('name? ');
  });

  it('has no answer without a terminal, or when the terminal is closed', async () => {
    expect(await askOnTerminal('name? ', terminal(false))).toBeUndefined();
    const { stdin, stdout } = terminal(true);
    const answer = askOnTerminal('name? ', { stdin, stdout });
    stdin.end();
    expect(await answer).toBeUndefined();
  });
});
