import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { HealthError, errorLines } from '../errors.js';
import { loadHealthFile, type HealthFile, type Variables } from './load.js';
import { jsonSchema } from './schema.js';

const folder = mkdtempSync(join(tmpdir(), 'nx-health-config-'));
const file = join(folder, 'health.json');
afterAll(() => { rmSync(folder, { recursive: true }); });

function load(text: string | object, variables: Variables = {}): Promise<HealthFile> {
  writeFileSync(file, typeof text === 'string' ? text : JSON.stringify(text));
  return loadHealthFile(file, variables);
}

async function problemsOf(text: string | object, variables: Variables = {}): Promise<readonly string[]> {
  const error: unknown = await load(text, variables).then(() => undefined, (thrown: unknown) => thrown);
  if (!(error instanceof HealthError)) throw new Error(`no HealthError: ${String(error)}`);
  return error.parts.problems ?? [error.parts.what];
}

it('reads comments, defaults, and what each check says over them', async () => {
  const { checks, alerts } = await load(`// checks
  { "$schema": "x", "defaults": { "timeout": "2s", "tags": ["all"], "severity": "degrading" }, "alerts": { "webhook": "\${HOOK}" },
    "checks": { "web": { "kind": "http", "url": "http://127.0.0.1:1/health?x=1", }, "db": { "kind": "tcp", "host": "::1", "port": 5432, "timeout": "1m", "tags": [], "severity": "critical", "interval": "1h" }, },
  }`, { HOOK: 'http://127.0.0.1/hook' });
  expect(alerts).toEqual({ webhook: 'http://127.0.0.1/hook' });
  expect(checks).toMatchObject([
    { name: 'web', kind: 'http', target: 'http://127.0.0.1:1/health', timeoutMs: 2_000, intervalMs: 30_000, failures: 3, recoveries: 2, retries: 0, severity: 'degrading', tags: ['all'] },
    { name: 'db', kind: 'tcp', target: 'tcp [::1]:5432', timeoutMs: 60_000, intervalMs: 3_600_000, severity: 'critical', tags: [] },
  ]);
});

it('tells everything that is wrong at once, with its place and what was meant', async () => {
  expect(await problemsOf(`{
  "chekcs": {},
  "defaults": { "timeout": 5 },
  "checks": {
    "a b": { "kind": "tcp", "host": "h", "port": 1 },
    "web": { "kind": "htpp" },
    "none": {},
    "text": "x",
    "db": { "kind": "tcp", "hots": "h", "port": 70000, "timeout": "0s" },
    "all": { "kind": "composite", "of": ["web", "bd"], "need": 3, "timeout": "1s" },
    "loop": { "kind": "composite", "of": ["pool"] },
    "pool": { "kind": "composite", "of": ["loop", "web"] },
    "key": { "kind": "http", "url": "\${MISSING}" }
  }
}`)).toEqual([
    'checks.key.url (13:37): the variable MISSING is not set',
    'defaults.timeout (3:28): must be a duration like "500ms", "30s", "5m", "2h" or "7d", got 5',
    'checks["a b"] (5:5): the key must be a name of letters, digits, "_", "." and "-", at most 63',
    'chekcs (2:3): unknown key; did you mean "checks"?',
    'checks.web.kind (6:22): unknown kind; did you mean "http"?',
    expect.stringMatching(/^checks\.none\.kind \(7:5\): must be one of http, tcp, .*, but is missing$/),
    'checks.text (8:13): must be an object',
    'checks.db.host (9:5): must be a host name or an IP address, but is missing',
    'checks.db.port (9:49): must be a whole number from 1 to 65535, got 70000',
    'checks.db.timeout (9:67): must be a duration of at least 1ms, got "0s"',
    'checks.db.hots (9:28): unknown key; did you mean "host"?',
    'checks.all.timeout (10:67): goes with the checks that it is made of, each of which has its own',
    'checks.all.of[1] (10:49): unknown check; did you mean "db"?',
    'checks.all.need (10:64): must be at most 2, as many as there are, got 3',
    'checks.loop.of (11:42): leads back to the check itself',
    'checks.pool.of (12:42): leads back to the check itself',
  ]);
});

it.each<[string, string, RegExp]>([
  ['nothing', '', /^the file: must hold a JSON object, got nothing$/], ['no JSON', '{ "checks": ', /^the file \(1:13\): is not JSON, (?:value expected|close brace expected)$/], ['a list', '[]', /^the file \(1:1\): must be an object, got an empty list$/],
  ['a key twice', '{ "checks": { "a": {}, "a": {} } }', /^checks\.a \(1:24\): stands twice$/], ['depth', '['.repeat(100_000), /nested too deeply|is not JSON/], ['no checks', '{}', /^checks \(?.*must be an object of checks by name, but is missing$/],
  ['what zod leaves out', '{ "checks": { "__proto__": { "kind": "memory" } } }', /^checks\.__proto__ \(1:15\): must be a name/], ['much', ' '.repeat(1_100_000), /^the file: must have at most 1048576 bytes/],
])('refuses %s', async (_, text, problem) => {
  expect((await problemsOf(text))[0]).toMatch(problem);
});

it('says that there is no file, and what to do', async () => {
  const error: unknown = await loadHealthFile(join(folder, 'none.json'), {}).catch((thrown: unknown) => thrown);
  expect(errorLines((error as HealthError).parts)).toEqual(['error: there is no none.json', `  where: ${join(folder, 'none.json')}`, expect.stringContaining('  next: write one (docs/health.md') as string]);
  await expect(loadHealthFile(folder, {})).rejects.toThrow('EISDIR');
});

it('counts problems that nobody would read', async () => {
  const checks = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`c${index}`, { kind: 'nothing' }]));
  const problems = await problemsOf({ checks });
  expect([problems.length, problems.at(-1)]).toEqual([51, 'and 30 more']);
});

describe('secrets', () => {
  it('come from variables, and stand in no problem, target or reason', async () => {
    const variables = { URL: 'http://u:hunter2hunter2@127.0.0.1:1/a/Zm9vYmFy', TOKEN: 'Zm9vYmFy', BAD: 'ftp://u:hunter2hunter2@h/', EMPTY: '' };
    const { checks } = await load({ checks: { web: { kind: 'http', url: '${URL}', headers: { authorization: 'Bearer ${TOKEN}' } }, print: { kind: 'command', command: [process.execPath, '-e', "console.log('${TOKEN} $${TOKEN}'); process.exit(1)"], output: true } } }, variables);
    const results = await Promise.all(checks.map((check) => check.run({ result: () => Promise.reject(new Error()) })));
    expect(results[1]?.reason).toBe('exit code 1: *** ${TOKEN}');
    const problems = await problemsOf({ checks: { web: { kind: 'http', url: '${BAD}' }, other: { kind: 'http', url: '${EMPTY}${NONE}' }, plain: { kind: 'postgres', url: 'http://u:hunter2hunter2@h' } } }, variables);
    expect(problems).toEqual([
      'checks.other.url (1:78): the variable EMPTY is not set', 'checks.other.url (1:78): the variable NONE is not set',
      'checks.web.url (1:39): must be an address that starts with http:// or https://, got "${BAD}"', expect.stringMatching(/^checks\.plain\.url .*postgresql:\/\/, got "?\(an address\)"?$/),
    ]);
    for (const text of [JSON.stringify(problems), JSON.stringify(results), JSON.stringify(checks)]) expect(text).not.toMatch(/hunter2|Zm9v/);
  });

  const FILL = 'x'.repeat(170);
  it.each<[string, object]>([
    ['prometheus', { url: 'http://127.0.0.1:9090', query: `${FILL}\${TOKEN}`, unhealthy: '> 1' }], ['disk', { path: `/${FILL}\${TOKEN}` }], ['file-age', { path: `/${FILL}\${TOKEN}`, unhealthy: '1h' }],
    ['process', { pidFile: `/${FILL}\${TOKEN}` }], ['process', { match: `${FILL}\${TOKEN}` }], ['command', { command: [`/${FILL}\${TOKEN}`] }], ['dns', { name: `${FILL}\${TOKEN}` }],
    ['http', { url: `http://127.0.0.1:1/${FILL}\${TOKEN}` }], ['tcp', { host: `${FILL}\${TOKEN}`, port: 1 }], ['certificate', { host: `${FILL}\${TOKEN}` }],
  ])('are not shown in part where a target of the kind %s is cut', async (kind, settings) => {
    const token = `abcdefgh${'i'.repeat(40)}`;
    const { checks: [check] } = await load({ checks: { it: { kind, ...settings } } }, { TOKEN: token });
    expect(check?.target).toMatch(/^[ -~]{170,200}$/);
    expect(check?.target).toMatch(/x\*\*\*(?::\d+)?$/);
  });

  it('are not shown as they stand in an address', async () => {
    const { checks: [check] } = await load({ checks: { it: { kind: 'http', url: 'http://127.0.0.1:1/a/${TOKEN}/b' } } }, { TOKEN: 't\u00f6k en/"x+y' });
    expect(check?.target).toBe('http://127.0.0.1:1/a/***/b');
  });

  it('are not shown in part, however long they are', async () => {
    const { checks: [check] } = await load({ checks: { it: { kind: 'disk', path: '/${TOKEN}/${TOKEN}' } } }, { TOKEN: `a\u00e4 ${'k'.repeat(6_000)}` });
    expect(check?.target).toBe('disk /***/***');
  });

  it('that stand in the file itself are hidden too', async () => {
    const { checks } = await load({ checks: { print: { kind: 'command', command: [process.execPath, '-e', 'console.log(process.env.API_KEY); process.exit(1)'], env: { API_KEY: 'abcdefgh' }, output: true } } });
    expect((await checks[0]?.run({ result: () => Promise.reject(new Error()) }))?.reason).toBe('exit code 1: ***');
  });
});

describe('health.schema.json', () => {
  const published = join(__dirname, '../../health.schema.json');
  const UPDATE = 'UPDATE_SCHEMA=1 npx jest --selectProjects unit -- packages/nx-health/src/config';

  it('is what the kinds say', async () => {
    const generated = `${JSON.stringify(await jsonSchema(), null, 2)}\n`;
    if (process.env['UPDATE_SCHEMA'] !== undefined) writeFileSync(published, generated);
    if (readFileSync(published, 'utf8') !== generated) throw new Error(`health.schema.json is not what config/schema.ts and the kinds say; write it anew with: ${UPDATE}`);
  });

  it('accepts and refuses what the reader does', async () => {
    const validate = new Ajv({ strict: false, formats: {} }).compile(JSON.parse(readFileSync(published, 'utf8')) as object);
    const valid = [{ checks: {} }, { checks: { a: { kind: 'memory' }, b: { kind: 'http', url: 'http://h', expectJson: { a: { exists: true } }, certificate: {} }, c: { kind: 'composite', of: ['a'], need: 1 } }, defaults: { tags: ['x'] }, alerts: { command: ['x'] } }];
    const wrong = [{}, { checks: { a: {} } }, { checks: { a: { kind: 'http' } } }, { checks: { a: { kind: 'memory', x: 1 } } }, { checks: { 'a b': { kind: 'memory' } } }, { checks: {}, x: 1 }, { checks: { a: { kind: 'load', minutes: 2 } } }];
    for (const each of valid) expect([each, validate(each), await load(each).then(() => true)]).toEqual([each, true, true]);
    for (const each of wrong) expect([each, validate(each), await load(each).then(() => true, () => false)]).toEqual([each, false, false]);
  });
});
