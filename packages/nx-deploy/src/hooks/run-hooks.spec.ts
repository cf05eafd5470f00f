import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DeployError } from '../errors.js';
import type { DeployEvent } from '../model/index.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { runHooks, type PreparedHook } from './run-hooks.js';

const root = temporaryFolder('hooks');
const hook = (text: string, more: Partial<PreparedHook> = {}): PreparedHook => ({ run: [process.execPath, '-e', text], env: {}, timeout: 20_000, cwd: root, ...more });

async function attempt(hooks: readonly PreparedHook[], signal?: AbortSignal): Promise<{ events: DeployEvent[]; error: unknown }> {
  const events: DeployEvent[] = [];
  const error: unknown = await runHooks('preDeploy', hooks, {
    facts: { NX_DEPLOY_RELEASE: 'r1' }, secrets: { API_KEY: 'k-123456789' }, emit: (event) => events.push(event), ...(signal === undefined ? {} : { signal }),
  }).then(() => undefined, (thrown: unknown) => thrown);
  return { events, error };
}

describe('runHooks', () => {
  it('does nothing when there are none', async () => {
    expect(await attempt([])).toEqual({ events: [], error: undefined });
  });

  it('runs one after the other, passes their output on and names them', async () => {
    const { events, error } = await attempt([hook('setTimeout(() => console.log("one"), 200)'), hook('console.error("two", process.cwd())')]);
    expect(error).toBeUndefined();
    expect(events).toEqual([{ type: 'output', source: 'preDeploy[0]', line: 'one' }, { type: 'output', source: 'preDeploy[1]', line: `two ${root}` }]);
    expect((await attempt([hook('console.log("x")')])).events).toEqual([{ type: 'output', source: 'preDeploy', line: 'x' }]);
  });

  it('gives a hook what it may see, and no more', async () => {
    process.env['NX_DEPLOY_SPEC_TOKEN'] = 'must not be seen';
    const { events } = await attempt([hook('console.log(JSON.stringify(process.env))', { env: { DATABASE: 'db', NX_DEPLOY_RELEASE: 'a lie' } })]);
    delete process.env['NX_DEPLOY_SPEC_TOKEN'];
    const [event] = events;
    const seen = JSON.parse(event?.type === 'output' ? event.line : '') as Record<string, string>;
    expect(seen).toMatchObject({ PATH: process.env['PATH'], DATABASE: 'db', NX_DEPLOY_RELEASE: 'r1', NX_DEPLOY_HOOK: 'preDeploy' });
    const allowed = ['DATABASE', 'NX_DEPLOY_RELEASE', 'NX_DEPLOY_HOOK', 'PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR', 'XDG_RUNTIME_DIR', 'SHELL', 'NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
    expect(Object.keys(seen).filter((name) => !allowed.includes(name))).toEqual([]);
  });

  it('replaces the values that it was given and those of the release in all that it tells', async () => {
    const token = 'p@ss"word-of-the-database';
    const env = { TOKEN: token, SHORT: 'abc' };
    const { events, error } = await attempt([hook(`const { TOKEN, SHORT } = process.env; console.log("token", TOKEN, SHORT); console.error(JSON.stringify({ TOKEN }), "k-123456789"); console.log("x".repeat(1990) + TOKEN); process.exitCode = 1`, { env })]);
    const lines = events.flatMap((event) => (event.type === 'output' ? [event.line] : []));
    expect([...lines].sort()).toEqual(['token [TOKEN] abc', `${'x'.repeat(1_990)}[TOKEN]`, '{"TOKEN":"[TOKEN]"} [API_KEY]'].sort());
    expect(error).toMatchObject({ parts: { problems: lines } });
    const unstarted = await attempt([hook('', { run: ['/nowhere/migrate', '--password', token], env })]);
    expect(JSON.stringify(unstarted)).not.toContain('word-of-the-database');
    expect(unstarted.error).toMatchObject({ parts: { where: 'deploy.json, hooks: ["/nowhere/migrate","--password","[TOKEN]"]' } });
  });

  it('lets no beginning of a value through where a line is cut', async () => {
    const { events } = await attempt([hook('process.stdout.write("x".repeat(1990) + process.env.TOKEN + "y".repeat(100000))', { env: { TOKEN: 'top-secret-'.repeat(100) } })]);
    const [event] = events;
    expect(event?.type === 'output' ? event.line.slice(1_985) : '').toBe('xxxxx[TOKEN]yyy [cut]');
  });

  it.each([
    ['a code', hook('for (let i = 0; i < 15; i += 1) console.log(i); process.exitCode = 4'), 'it exited with code 4'],
    ['a signal', hook('process.kill(process.pid, "SIGABRT")'), 'it was ended by SIGABRT'],
    ['the timeout', hook('setInterval(() => {}, 1000)', { timeout: 300 }), 'it ran longer than 0.3s and was ended'],
    ['no start', hook('', { run: ['/nowhere/migrate', '--up'] }), expect.stringMatching(/^it could not be started: .*ENOENT/)],
  ])('stops at the first that fails: %s', async (_name, failing, why) => {
    const file = join(root, 'must-not-exist');
    const { error } = await attempt([failing, hook(`require("fs").writeFileSync(${JSON.stringify(file)}, "")`)]);
    expect(error).toMatchObject({ code: 'ND-HOOK-FAILED', parts: { what: 'the hook preDeploy[0] failed', where: `deploy.json, hooks: ${JSON.stringify(failing.run)}`, why } });
    expect(existsSync(file)).toBe(false);
  });

  it('shows the last lines of one that fails', async () => {
    const { error } = await attempt([hook('for (let i = 0; i < 15; i += 1) console.log(i); process.exitCode = 4')]);
    expect(error).toMatchObject({ parts: { problems: ['5', '6', '7', '8', '9', '10', '11', '12', '13', '14'] } });
  });

  it('ends one that runs when the deploy is cancelled, and starts no other', async () => {
    const abort = new AbortController();
    const events: DeployEvent[] = [];
    const running = runHooks('postDeploy', [hook('console.log("up"); setInterval(() => {}, 1000)'), hook('')], {
      facts: {}, secrets: {}, signal: abort.signal,
      emit: (event) => {
        events.push(event);
        abort.abort();
      },
    });
    await expect(running).rejects.toMatchObject({ code: 'ND-CANCELLED', parts: { what: 'the run was cancelled while the hook postDeploy[0] ran, which was ended' } });
    expect(events).toEqual([{ type: 'output', source: 'postDeploy[0]', line: 'up' }]);
    expect((await attempt([hook('')], AbortSignal.abort())).error).toMatchObject({ code: 'ND-CANCELLED' });
    const late = new DeployError('ND-DEADLINE', { what: 'it took too long' });
    expect((await attempt([hook('')], AbortSignal.abort(late))).error).toBe(late);
    expect((await attempt([hook('')], new AbortController().signal)).error).toBeUndefined();
  });

  it('shows some of 100 MB of output and counts the rest', async () => {
    const before = process.memoryUsage().rss;
    const { events, error } = await attempt([hook('const text = ("x".repeat(99) + "\\n").repeat(10000); let left = 100; const more = () => { while (left > 0) { left -= 1; if (!process.stdout.write(text)) return process.stdout.once("drain", more); } }; more();')]);
    expect(error).toBeUndefined();
    expect(events).toHaveLength(201);
    expect(events.at(-1)).toEqual({ type: 'note', text: 'preDeploy: 999800 more lines of output are not shown' });
    expect(process.memoryUsage().rss - before).toBeLessThan(150e6);
  });
});
