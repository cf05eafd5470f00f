/** The commands that the pages show are commands that there are. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TARGETS } from '../config/plugin-options.js';
import { createPrinter, renderSummary } from '../terminal/index.js';
import { readArguments } from './arguments.js';

const docs = join(__dirname, '../../../../docs');
const files = (readdirSync(docs, { recursive: true, encoding: 'utf8' })).filter((file) => file.endsWith('.md')).sort();
const page = (file: string): string => readFileSync(join(docs, file), 'utf8');

/** A command in a block of code or between backticks, its words apart. */
function commands(start: string): readonly (readonly [file: string, command: string])[] {
  const pattern = new RegExp(`(?:^|\`)(?:npx )?(${start} (?! )[^\`\\n]*)`, 'gm');
  return files.flatMap((file) => [...page(file).matchAll(pattern)].map(([, command = '']) => [file, command.trim()] as const));
}

function words(command: string): readonly string[] {
  return (command.split('#')[0] ?? '').match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
}

const nx = commands('nx run');
const bin = commands('nx-deploy');

test('there are many of them', () => {
  expect(nx.length).toBeGreaterThan(30);
  expect(bin.length).toBeGreaterThan(10);
});

test.each(bin.filter(([, command]) => !command.includes('<') && words(command).length > 2))('%s: %s', (_, command) => {
  expect(() => readArguments(words(command).slice(1))).not.toThrow();
});

const known: ReadonlySet<string> = new Set(Object.values(TARGETS));
const ours = nx.filter(([, command]) => /^nx run [^:\s]+:[a-z-]+/.test(command) && !command.includes('<') && known.has(target(command)));

function target(command: string): string {
  return /^nx run [^:\s]+:([a-z-]+)/.exec(command)?.[1] ?? '';
}

test.each(ours.filter(([, command]) => target(command) !== 'env-validate'))('%s: %s', (_, command) => {
  const [, environments] = /^env-(diff|sync|backup|restore|types|migrate)$/.exec(target(command)) ?? [];
  const folder = environments !== undefined ? `../../../nx-env-sync/src/executors/${environments}` : target(command) === 'build-manifest' ? '../../../nx-build-manifest/src/executors/generate' : join('../executors', target(command) === 'prune-releases' ? 'prune' : target(command));
  const schema = JSON.parse(readFileSync(join(__dirname, folder, 'schema.json'), 'utf8')) as { properties: object };
  const options = words(command).flatMap((word) => /^--([A-Za-z-]+)/.exec(word)?.[1] ?? []).map((name) => name.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase()));
  expect(options.filter((name) => name !== 'configuration' && !Object.hasOwn(schema.properties, name))).toEqual([]);
});

describe('what the pages show is what is printed', () => {
  const [before, release] = ['r0123456789ab', 'rba9876543210'];
  const name = { service: 'api', environment: 'staging', durationMs: 12_300 };

  test('of a deploy that asks, and of one that was rejected', () => {
    const asked = renderSummary({
      ...name, outcome: 'paused', action: 'deploy', release, previous: before, paused: { gate: 'numbers fine?', expires: '2026-02-01T12:00:00.000Z' }, traffic: { requests: 12_986, failed: 2 },
      commands: { approve: 'nx run api:approve --configuration=staging --gate=g0123abcd', reject: 'nx run api:reject --configuration=staging --gate=g0123abcd' },
    }, { color: false });
    expect(page('executors/approve.md')).toContain(`\`\`\`\n${asked.join('\n')}\n\`\`\``);
    const [rejected] = renderSummary({ ...name, outcome: 'done', action: 'deploy', decision: 'rejected', release: before }, { color: false });
    expect(page('executors/reject.md')).toContain(`\`\`\`\n${rejected ?? ''}\n\`\`\``);
  });

  test.each([true, false])('of a walk under way (terminal: %s)', (tty) => {
    let [now, written] = [Date.UTC(2026, 0, 31, 12), ''];
    const printer = createPrinter({ stream: { write(text: string) { written += text; }, columns: 100, rows: 30 }, tty, color: false, now: () => now });
    const web = (running: number): { web: { running: number; ready: number; draining: number } } => ({ web: { running, ready: running, draining: 0 } });
    const metrics = (requests: number, errors: number, p95: number): { requests: number; errors: number; ejected: number; latency: { p50: number; p95: number; p99: number } } =>
      ({ requests, errors, ejected: 0, latency: { p50: 4, p95, p99: 20 } });
    printer.event({ type: 'stage', stage: 'walk', state: 'start' });
    printer.event({ type: 'step', index: 1, of: 4, desired: { [before]: { processes: { web: { fixed: 4 } }, weight: 95 }, [release]: { processes: { web: { fixed: 1 } }, weight: 5 } } });
    printer.event({ type: 'fleet', observed: { [before]: { processes: web(4), weight: 95 }, [release]: { processes: web(1), weight: 5 } } });
    now += tty ? 6_000 : 13_000;
    printer.event({ type: 'waiting', release, for: 'soak of 10m 00s', ms: 600_000 });
    now += tty ? 36_000 : 0;
    printer.event({ type: 'traffic', window: 42_000, releases: { [before]: metrics(12_345, 0, 12), [release]: metrics(641, 2, 15) } });
    const shown = tty ? written.split(/[\r]/).at(-1)?.replace(/^\S*?(?=walk)/, '') ?? '' : written.trim().split('\n').at(-1) ?? '';
    printer.end();
    expect(page('executors/deploy.md')).toContain(`\`\`\`\n${shown}\n\`\`\``);
  });
});
