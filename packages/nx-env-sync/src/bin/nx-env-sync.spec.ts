import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyPairs } from '../secrets/keys.spec-support.js';
import { testProject } from '../executors/project.spec-support.js';
import { main, start } from './nx-env-sync.js';

const place = testProject();
const keys = keyPairs();
const FOLDER = 'apps/api/environments';
const run = (words: string, folder = ''): Promise<number> => main(words === '' ? [] : words.split(' '), join(place.root, folder));

beforeEach(() => {
  place.variables['NX_ENV_SYNC_IDENTITY'] = keys.ours.identity;
  place.write({
    'nx.json': {}, 'package.json': { name: 'shop' }, 'apps/api/project.json': { name: 'api' }, 'apps/web/package.json': { name: '@shop/web' }, 'libs/plain/project.json': '{', 'node_modules/x/package.json': { name: 'x' },
    [`${FOLDER}/staging.env`]: 'A=planted-1\n', [`${FOLDER}/production.env`]: 'B=planted-2\n', 'environments/staging.env': 'S=1\n', 'environments/dev.env': 'S=2\n',
  });
});

describe('nx-env-sync', () => {
  it('says what it can do, and what a command takes', async () => {
    expect(await run('--help')).toBe(0);
    const text = place.printed();
    const { executors } = JSON.parse(readFileSync(join(__dirname, '../../executors.json'), 'utf8')) as { executors: object };
    for (const name of Object.keys(executors)) expect(text).toContain(`\n  ${name} `);
    expect(await run('')).toBe(3);
    expect(place.printed()).toBe(text);
    for (const name of Object.keys(executors)) expect(await run(`${name} --help`)).toBe(0);
    const all = place.printed();
    expect(all).toContain('Usage: nx-env-sync sync [project] [options]\n');
    expect(all).toContain('  --dry-run\n      Say what would change, and change nothing.\n');
    expect(all).toContain('Usage: nx-env-sync secrets <action> <key> [options]\n');
    expect(all).toContain('Usage: nx-env-sync run [project] [options] -- <program> [arguments]\n');
    expect(all).toContain('  --action <list|set|remove|encrypt|keygen|rotate>\n');
  });

  it.each<[string, string]>([
    ['env-sync api --from staging --to production --dry-run', ''],
    ['sync --project api --source=staging --target=production --dryRun', ''],
    ['sync --from staging -c production --dry-run', 'apps/api'],
    ['sync --from staging --to production --dry-run', 'apps/api/environments'],
    ['sync ./apps/api --from staging --to production --dry-run', ''],
    ['sync apps/api --from staging --to production --dry-run --no-yes', 'apps/web'],
  ])('%s (in "%s")', async (words, folder) => {
    expect(await run(words, folder)).toBe(0);
    expect(place.printed()).toContain('staging -> production: 1 key would change, 0 the same, 1 left as they are\n');
    expect(place.exists('.nx-env-sync')).toBe(false);
  });

  it('is for the workspace where no project is', async () => {
    expect(await run('diff --from staging --to dev')).toBe(0);
    expect(place.printed()).toContain('staging -> dev: 1 changed');
    expect(await run('diff web --from staging --to dev')).toBe(0);
    expect(await run('diff . --from staging --to dev --fail-on-difference')).toBe(1);
    expect(await run('diff plain --from staging --to dev')).toBe(0);
  });

  it.each<[string, string]>([
    ['snyc', 'error: there is no command "snyc"; did you mean sync?\n  next: known: validate, '],
    ['sync --form=x', 'error: there is no option "--form"; did you mean --from?\n  next: nx-env-sync sync --help lists the options\n'],
    ['sync --zzzzzzzz', 'error: there is no option "--zzzzzzzz"\n'],
    ['sync --from', "error: Option '--from <value>' argument missing\n"],
    ['sync --from= --to=x', 'error: --from is empty\n'],
    ['sync --yes=1', "error: Option '--yes' does not take an argument\n"],
    ['sync apii --from a --to b', 'error: there is no project "apii"; did you mean api?\n'],
    ['sync ../../.. --from a --to b', 'error: there is no project "../../.."\n'],
    ['sync a b', 'error: "b" is one word too many\n'],
    ['sync api -- x', 'error: nothing can stand after --\n'],
    ['backup --keep=0', 'error: --keep must be a whole number from 1 to 100000\n'],
    ['backup --keep=two', 'error: --keep must be a whole number from 1 to 100000\n'],
    ['secrets', 'error: action must be given\n'],
    ['secrets sett A', 'error: --action cannot be "sett"; did you mean set?\n'],
    ['secrets --source a', 'error: there is no option "--source"\n'],
  ])('%s is refused', async (words, what) => {
    expect(await run(words)).toBe(3);
    expect(place.printed()).toContain(what);
  });

  it('refuses a sync without a destination, with the right form', async () => {
    expect(await run('sync api --source staging')).toBe(1);
    expect(place.printed()).toContain('error: no environment was named\n  next: write --from=<environment> --to=<environment>; known: dev, production, staging\n');
  });

  it('takes numbers, and options several times', async () => {
    expect(await run('backup api -c staging --keep 2 --days=3 --json')).toBe(0);
    expect(JSON.parse(place.printed())).toMatchObject({ success: true, environment: 'staging' });
    expect(await run('sync api --from staging --to production --yes --keep A --keep B')).toBe(0);
    expect(await run('restore api -c production --key A --key=B --dry-run')).toBe(1);
  });

  it('runs a program where it is called, and ends as it does', async () => {
    const script = 'require("fs").writeFileSync("seen", process.env.A); process.exit(5)';
    expect(await main(['run', '-c', 'staging', '--', process.execPath, '-e', script], join(place.root, 'apps/api'))).toBe(5);
    expect(place.read('apps/api/seen')).toBe('planted-1');
    expect(await main(['run', 'api', '-c', 'staging', '--cwd', 'apps/web', '--', process.execPath, '-e', script], place.root)).toBe(5);
    expect(place.exists('apps/web/seen')).toBe(true);
    expect(place.everything()).not.toContain('planted');
  });

  it('without a workspace is for the folder', async () => {
    const folder = join(place.root, '..', 'alone');
    place.write({ '../alone/environments/a.env': 'X=1\n', '../alone/environments/b.env': 'X=1\n' });
    expect(await main(['diff', '--from', 'a', '--to', 'b'], folder)).toBe(0);
  });

  it('ends with the exit code of what it was started with', async () => {
    const { argv, exitCode } = process;
    process.argv = [process.execPath, 'nx-env-sync.js', 'dif'];
    await start();
    expect(process.exitCode).toBe(3);
    Object.assign(process, { argv, exitCode });
  });
});
