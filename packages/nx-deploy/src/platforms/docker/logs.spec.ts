import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LogLine } from '../../model/index.js';
import { temporaryFolder, until } from '../../shell/programs.spec-support.js';
import { redactor } from '../../shell/redactor.js';
import { clientThatSays, type ClientStandIn } from './client.spec-support.js';
import type { Container } from './containers.js';
import { readLogs, type LogReader } from './logs.js';

const root = temporaryFolder('docker-logs');
const container = (id: string, process: string, slot: number, release = 'r0123456789ab'): Container => ({
  id, name: id, release, process, slot, address: undefined, port: 3_000, state: 'running', restarts: 0, exitCode: 0, pid: 1, startedAt: '', fault: undefined,
});
const [web1, web2, worker] = [container('one', 'web', 1), container('two', 'web', 2), container('three', 'worker', 1)];
const at = (second: number): string => `2026-01-01T00:00:${String(second).padStart(2, '0')}.000000000Z`;

function readerOf({ client }: ClientStandIn, look: LogReader['look']): LogReader {
  return { client, look, pause: 100, redactor: (release) => Promise.resolve(release === 'r0123456789ab' ? redactor({ TOKEN: 'hunter2-hunter2' }) : redactor()) };
}
async function all(lines: AsyncIterable<LogLine>): Promise<readonly LogLine[]> {
  const told: LogLine[] = [];
  for await (const line of lines) told.push(line);
  return told;
}
const texts = (lines: readonly LogLine[]): readonly string[] => lines.map(({ instance, stream, text }) => `${instance} ${stream} ${text}`);

describe('what instances wrote', () => {
  it('comes in the order of its time, of all instances and both streams, without secrets and without what the client complains of', async () => {
    const engine = clientThatSays(root, `'logs --timestamps one') echo '${at(1)} first'; echo '${at(4)} has hunter2-hunter2'; echo '${at(2)} beside' >&2; echo 'Error: no more' >&2 ;;
'logs --timestamps two') echo '2026-13-45T99:99:99Z no time'; echo '${at(3)}'; echo '2026-01-01T01:00:05.5+01:00 later' ;;`);
    const lines = await all(readLogs(readerOf(engine, () => Promise.resolve([web1, web2])), {}));
    expect(texts(lines)).toEqual(['web.1 out first', 'web.1 err beside', 'web.2 out ', 'web.1 out has [TOKEN]', 'web.2 out later']);
    expect(lines.at(-1)).toMatchObject({ at: '2026-01-01T00:00:05.500Z', release: 'r0123456789ab' });
  });

  it('is that of one instance, from a time on, where that is asked for', async () => {
    const engine = clientThatSays(root, `'logs --timestamps --since=2026-01-01T00:00:02Z three') echo '${at(2)} mine' ;;`);
    expect(texts(await all(readLogs(readerOf(engine, () => Promise.resolve([web1, worker])), { instance: 'worker.1', since: '2026-01-01T00:00:02Z' })))).toEqual(['worker.1 out mine']);
    expect(await all(readLogs(readerOf(engine, () => Promise.resolve([])), {}))).toEqual([]);
    expect(engine.asked()).toHaveLength(1);
  });

  it('is nothing of a container that is gone by the time its log is opened', async () => {
    const engine = clientThatSays(root, `'logs --timestamps two') echo '${at(1)} there' ;;\n'logs '*) echo "Error response from daemon: No such container: one" >&2; exit 1 ;;`);
    expect(texts(await all(readLogs(readerOf(engine, () => Promise.resolve([web1, web2])), {})))).toEqual(['web.2 out there']);
  });

  it('ends when nobody wants it any more, although the engine does not end', async () => {
    const engine = clientThatSays(root, `'logs '*) echo '${at(1)} line'; touch "$NOTES/told"; exec sleep 60 ;;`);
    const stop = new AbortController();
    const read = all(readLogs(readerOf(engine, () => Promise.resolve([web1])), { signal: stop.signal, follow: true }));
    await until('the engine has told something', () => existsSync(join(engine.notes, 'told')));
    stop.abort();
    expect(await read).toEqual([]);
    expect(engine.asked()).toEqual(['logs --timestamps one']);
  });
});

describe('what instances write from now on', () => {
  /** Whoever follows has the client stay. */
  const FOLLOWED = `'logs --timestamps one') echo '${at(1)} old'; echo '${at(2)} newest' ;;
'logs --timestamps --since=${at(2)} --follow one') echo '${at(2)} newest'; echo '${at(3)} new'; exec sleep 60 ;;
'logs --timestamps --follow three') echo '${at(4)} of a new one'; exec sleep 60 ;;`;

  it('follows what is there without telling a line twice, also of instances that are started later, and when the engine does not answer in between', async () => {
    const engine = clientThatSays(root, FOLLOWED);
    const looks: readonly (() => Promise<readonly Container[]>)[] = [
      () => Promise.resolve([web1]), () => Promise.reject(new Error('the engine does not answer')), () => Promise.resolve([web1, worker]),
    ];
    let looked = 0;
    const stop = new AbortController();
    const told: string[] = [];
    const ended = (async () => {
      for await (const line of readLogs(readerOf(engine, () => looks[Math.min(looked++, looks.length - 1)]?.() ?? Promise.resolve([])), { follow: true, signal: stop.signal })) told.push(...texts([line]));
    })();
    await until('the new one was heard', () => told.includes('worker.1 out of a new one'), 20_000);
    stop.abort();
    await ended;
    expect(told).toEqual(['web.1 out old', 'web.1 out newest', 'web.1 out new', 'worker.1 out of a new one']);
    expect(engine.asked().filter((call) => call.includes('--follow'))).toEqual([`logs --timestamps --since=${at(2)} --follow one`, 'logs --timestamps --follow three']);
  });

  it('goes on when the engine starts an instance again, at which its client ends, and is read to the end of one that ends for good', async () => {
    const engine = clientThatSays(root, `'logs --timestamps one') echo '${at(1)} old' ;;
'logs --timestamps --since=${at(1)} --follow one') echo '${at(2)} crashed' >&2 ;;
'logs --timestamps --since=${at(2)} --follow one') echo '${at(2)} crashed' >&2; echo '${at(3)} started again'; echo '${at(4)} ended' ;;`);
    let looked = 0;
    const stop = new AbortController();
    const again: Container = { ...web1, restarts: 1, startedAt: '2026-01-01T00:00:03Z', state: 'exited' };
    const told: string[] = [];
    const ended = (async () => {
      for await (const line of readLogs(readerOf(engine, () => Promise.resolve([(looked += 1) <= 2 ? web1 : again])), { follow: true, signal: stop.signal })) told.push(...texts([line]));
    })();
    await until('it was looked at after its end', () => looked >= 5, 30_000);
    stop.abort();
    await ended;
    expect(told).toEqual(['web.1 out old', 'web.1 err crashed', 'web.1 out started again', 'web.1 out ended']);
    expect(engine.asked()).toHaveLength(3);
  });

  it('is tried again where what is to be kept secret could not be read, and told without it never', async () => {
    const engine = clientThatSays(root, FOLLOWED);
    let [looked, tries] = [0, 0];
    const reader: LogReader = {
      client: engine.client, pause: 100, look: () => Promise.resolve((looked += 1) === 1 ? [] : [worker]),
      redactor: () => ((tries += 1) === 1 ? Promise.reject(new Error('the state does not answer')) : Promise.resolve(redactor())),
    };
    const stop = new AbortController();
    const told: string[] = [];
    for await (const line of readLogs(reader, { follow: true, signal: stop.signal })) {
      told.push(...texts([line]));
      stop.abort();
    }
    expect(told).toEqual(['worker.1 out of a new one']);
    expect(tries).toBe(2);
    // No client was left to a container whose lines cannot be told.
    expect(engine.asked()).toEqual(['logs --timestamps --follow three']);
  });
});
