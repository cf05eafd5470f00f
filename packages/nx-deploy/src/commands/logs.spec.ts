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
    expect(() => sinceTime(since, now)).toThrow(expect.objectContaining({ code: 'ND-OPTION-INVALID' }));
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
    expect((await read({ instance: 'web.2' })).output.lines).toEqual([]);
    expect((await read({ release: 'r000000000000' })).output.lines).toEqual([]);
    expect((await read({ since: '0s' })).output.lines).toEqual([]);
    expect((await read({ since: '1h', release, instance: 'web.1' })).output.lines).toEqual(all.output.lines);
    const json = await read({ json: true });
    expect(JSON.parse(json.output.lines.at(-1) ?? '')).toMatchObject({ release, instance: 'web.1', stream: 'out', text: expect.stringContaining('steady 1 listening') });
    expect(json.output.lines).toHaveLength(all.output.lines.length);
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
