import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { logs, sinceTime, type LogsOptions } from './logs.js';
import type { CommandResult } from './result.js';
import { eventually, Recorder, Workbench } from './workbench.spec-support.js';

describe('sinceTime', () => {
  const now = Date.parse('2026-01-31T12:00:00Z');

  test.each([
    ['10m', '2026-01-31T11:50:00.000Z'],
    ['0s', '2026-01-31T12:00:00.000Z'],
    ['2026-01-31', '2026-01-31T00:00:00.000Z'],
    ['2026-01-31T11:00Z', '2026-01-31T11:00:00.000Z'],
    ['2026-01-31T11:00:00.123Z', '2026-01-31T11:00:00.123Z'],
    ['2026-01-31T11:00:00+01:00', '2026-01-31T10:00:00.000Z'],
  ])('%s is %s', (since, at) => {
    expect(sinceTime(since, now)).toBe(at);
  });

  test('nothing stays nothing', () => {
    expect(sinceTime(undefined, now)).toBeUndefined();
  });

  test.each(['', 'yesterday', 'yesterday 5', '10', '10 minutes', '-5m', '2026-13-01', '2026-01-31 5', '99999999999d', '\u001b[31m', '1e400s'])('%j is refused', (since) => {
    expect(() => sinceTime(since, now)).toThrow(expect.objectContaining({
      code: 'ND-OPTION-INVALID', parts: expect.objectContaining({ why: 'a duration is a number and ms, s, m, h or d' }) as object,
    }));
  });
});

describe('logs', () => {
  let bench: Workbench;
  beforeAll(async () => {
    bench = await Workbench.open();
    await bench.start();
  });
  afterAll(() => bench.close());

  async function read(options: LogsOptions, place = {}): Promise<CommandResult & { readonly output: Recorder }> {
    const output = new Recorder();
    return { ...await logs(bench.context(place, output), options), output };
  }

  /** Of the one service of the agent. */
  async function logFolder(): Promise<string> {
    const [service = ''] = await readdir(bench.home.services);
    return join(bench.home.services, service, 'logs');
  }

  test('of a service that was never deployed are refused', async () => {
    await bench.project();
    expect(await read({})).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-NOT-DEPLOYED' } } });
  });

  test.each<LogsOptions>([
    { instance: '../web.1' }, { instance: 'web' }, { instance: 'WEB.1' }, { instance: 'web.1/..' }, { instance: '' },
    { release: '../..' }, { release: 'r1' }, { release: 'r000000000000\n' }, { since: 'soon' },
  ])('%j is refused before anything is asked', async (options) => {
    expect(await read(options)).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-OPTION-INVALID' } } });
  });

  test('are printed in the order of time, as text or as JSON, and can be narrowed down', async () => {
    const { document: { release = '' } } = await bench.deploy();
    const all = await read({});
    expect(all.document).toEqual({ outcome: 'done', exitCode: 0, lines: all.output.lines.length });
    expect(all.output.lines.at(-1)).toMatch(new RegExp(`^\\d{4}-\\S+Z ${release} web\\.1 out steady 1 listening on 127\\.0\\.0\\.1:\\d+$`));
    expect([...all.output.lines].sort()).toEqual(all.output.lines);
    expect((await read({ since: '0s' })).output.lines).toEqual([]);
    expect((await read({ since: '1h', release, instance: 'web.1' })).output.lines).toEqual(all.output.lines);
    const json = await read({ json: true });
    expect(JSON.parse(json.output.lines.at(-1) ?? '')).toMatchObject({ release, instance: 'web.1', stream: 'out', text: expect.stringContaining('steady 1 listening') });
    expect(json.output.lines).toHaveLength(all.output.lines.length);
  });

  test('of a release or an instance that there is not are refused with those that there are', async () => {
    const { live = '' } = await bench.status();
    const refused = async (options: LogsOptions): Promise<unknown> => {
      const result = await read(options);
      expect(result.output.lines).toEqual([]);
      return result;
    };
    expect(await refused({ release: 'r000000000000' })).toMatchObject({ exitCode: 3, document: { error: {
      code: 'ND-RELEASE-UNKNOWN', what: 'there are no logs of the release r000000000000', next: `releases with logs: ${live}`,
    } } });
    expect(await refused({ instance: 'web.2' })).toMatchObject({ exitCode: 3, document: { error: {
      code: 'ND-OPTION-INVALID', what: 'there are no logs of an instance web.2', next: 'instances with logs: web.1',
    } } });
    const other = join(await logFolder(), 'r000000000001');
    await mkdir(other);
    for (const name of ['web.10', 'web.9']) await writeFile(join(other, `${name}.log`), '2026-01-31T12:00:00.000Z o old\n');
    expect(await refused({ instance: 'web.2', follow: true })).toMatchObject({ document: { error: { next: 'instances with logs: web.1, web.9, web.10' } } });
    expect(await refused({ release: live, instance: 'web.9' })).toMatchObject({ exitCode: 3, document: { error: {
      code: 'ND-OPTION-INVALID', what: `there are no logs of an instance web.9 of the release ${live}`, next: `instances with logs of the release ${live}: web.1`,
    } } });
    // What has ended is known by its log.
    expect((await read({ instance: 'web.9' })).output.lines).toEqual(['2026-01-31T12:00:00.000Z r000000000001 web.9 out old']);
    await rm(other, { recursive: true });
  });

  test('end at once, without an error, when nobody reads them any more', async () => {
    const gone = new AbortController();
    const output = Object.assign(new Recorder(), { closed: gone.signal });
    const following = logs(bench.context({}, output), { follow: true });
    await eventually(() => output.lines.length > 0, 'the first line');
    gone.abort();
    expect(await following).toMatchObject({ exitCode: 0, document: { outcome: 'done', lines: output.lines.length } });
    const never = Object.assign(new Recorder(), { closed: gone.signal });
    expect(await logs(bench.context({}, never), { follow: true })).toMatchObject({ exitCode: 0, document: { lines: 0 } });
    expect([...output.errors, ...never.errors, ...never.lines]).toEqual([]);
  });

  test('no line is written behind the one that nobody read', async () => {
    const folder = join(await logFolder(), 'r000000000001');
    await mkdir(folder);
    await writeFile(join(folder, 'web.7.log'), '2026-01-31T12:00:00.000Z o many\n'.repeat(10_000));
    const gone = new AbortController();
    class Leaving extends Recorder {
      readonly closed = gone.signal;

      override line(text: string): void {
        super.line(text);
        gone.abort();
      }
    }
    const output = new Leaving();
    expect(await logs(bench.context({}, output), { instance: 'web.7' })).toMatchObject({ exitCode: 0, document: { lines: 1 } });
    expect(output.lines).toHaveLength(1);
    await rm(folder, { recursive: true });
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('are followed until %s', async (signal) => {
    const before = process.listenerCount(signal);
    const output = new Recorder();
    const following = logs(bench.context({}, output), { follow: true });
    await eventually(() => output.lines.length > 0 && process.listenerCount(signal) > before, 'the first line');
    process.emit(signal, signal);
    expect(await following).toMatchObject({ exitCode: 0, document: { outcome: 'done', lines: output.lines.length } });
    expect(process.listenerCount(signal)).toBe(before);
  });

  test('a follower is told when the agent goes away', async () => {
    const output = new Recorder();
    const following = logs(bench.context({}, output), { follow: true });
    await eventually(() => output.lines.length > 0, 'the first line');
    await bench.agent?.stop(true);
    bench.agent = undefined;
    const result = await following;
    expect(result).toMatchObject({ exitCode: 1, document: { error: { code: 'ND-INTERRUPTED' } } });
    expect(output.errors).toMatchObject([{ code: 'ND-INTERRUPTED' }]);
    await bench.start();
  });
});
