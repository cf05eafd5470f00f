import { encryptArmored } from '../../secrets/age.js';
import { keyPairs } from '../../secrets/keys.spec-support.js';
import { testProject } from '../project.spec-support.js';
import run, { type RunOptions } from './executor.js';

const place = testProject();
const keys = keyPairs();
const start = (options: RunOptions, configuration = 'staging'): Promise<boolean> => place.run(run, options, configuration);
const node = (script: string, ...args: string[]): string[] => [process.execPath, '-e', script, ...args];
const SHOW = 'require("fs").writeFileSync("seen.json", JSON.stringify({ env: process.env, argv: process.argv.slice(1) }))';

beforeEach(async () => {
  place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
  place.write({
    'apps/api/environments/staging.env': "A=planted-1\nHOSTILE='$(touch pwned) `id`\n\"'\nLEVEL=ours\n",
    'apps/api/environments/staging.secrets.env': await encryptArmored('TOKEN=planted-2\n', [keys.ours.recipient]),
  });
});

describe('executor run', () => {
  it('gives a program all values over its own variables, and not where the secret keys are', async () => {
    Object.assign(place.variables, { LEVEL: 'theirs', MINE: '1', NX_ENV_SYNC_IDENTITY_FILE: '', NX_ENV_SYNC_IDENTITY_COMMAND: '' });
    expect(await start({ command: node(SHOW, '$HOME', ';', 'two words') })).toBe(true);
    const { env, argv } = JSON.parse(place.read('seen.json')) as { env: Record<string, string>; argv: string[] };
    expect(env).toMatchObject({ A: 'planted-1', TOKEN: 'planted-2', LEVEL: 'ours', MINE: '1', HOSTILE: '$(touch pwned) `id`\n"' });
    expect(Object.keys(env).filter((name) => name.startsWith('NX_ENV_SYNC_IDENTITY'))).toEqual([]);
    expect(argv).toEqual(['$HOME', ';', 'two words']);
    expect(place.exists('pwned')).toBe(false);
    expect(place.everything()).toBe('');
    expect(place.files().filter((file) => !file.endsWith('staging.env') && !file.endsWith('seen.json'))).toHaveLength(1);
  });

  it('ends as the program does', async () => {
    const context = { root: place.root, projectName: 'api', configurationName: 'staging', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } };
    expect(await run({ command: node('process.exit(7)') }, context)).toEqual({ success: false, exitCode: 7 });
    expect(await run({ command: node('process.kill(process.pid, "SIGKILL")') }, context)).toEqual({ success: false, exitCode: 137 });
    expect(await run({ command: node(SHOW), cwd: 'apps/api' }, context)).toEqual({ success: true, exitCode: 0 });
    expect(place.exists('apps/api/seen.json')).toBe(true);
  });

  it('hands signals on', async () => {
    const before = process.listenerCount('SIGTERM');
    const running = start({ command: node('process.on("SIGTERM", () => process.exit(0)); require("fs").writeFileSync("up", ""); setTimeout(() => process.exit(9), 30000)') });
    while (!place.exists('up')) await new Promise((resolve) => setTimeout(resolve, 10));
    process.emit('SIGINT', 'SIGINT');
    process.emit('SIGTERM', 'SIGTERM');
    expect(await running).toBe(true);
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });

  it.each<[RunOptions, string]>([
    [{}, 'error: no program was named\n'],
    [{ command: [''] }, 'error: no program was named\n'],
    [{ command: ['a\0b'] }, 'error: no program was named\n'],
    [{ command: ['no-such-program-here'] }, 'error: the program no-such-program-here was not found\n'],
    [{ command: ['/'] }, 'error: the program / could not be started: EACCES\n'],
    [{ command: ['a'], environment: 'qa' }, 'error: there is no environment qa\n'],
    [{ command: ['a'], environment: '../x' }, 'is no environment name'],
  ])('is refused: %j', async (options, what) => {
    expect(await start(options)).toBe(false);
    expect(place.printed()).toContain(what);
  });

  it('starts nothing with an environment that is not valid', async () => {
    place.write({ 'apps/api/environments/env.schema.json': { properties: { A: { type: 'integer' } }, required: ['B'] } });
    expect(await start({ command: node(SHOW) })).toBe(false);
    expect(place.printed()).toContain('error: staging is not valid, and nothing was started with it\n');
    expect(place.exists('seen.json')).toBe(false);
    expect(place.everything()).not.toContain('planted');
  });
});
