import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Machine } from './support/machine.js';
import { allProcesses, commandLine } from './support/processes.js';
import { exited, failed, type Ending } from './support/program.js';
import { askJson, eventually, freePort } from './support/request.js';
import type { Workspace } from './support/workspace.js';

/** Put together here, so that no file of the repository holds it whole. */
const SECRET = ['sup3r', 'S3cret', 'T0ken', '9041'].join('-');

/** All that we print is printable ASCII, and no secret is in it, or anywhere but where values are kept. */
describe('output', () => {
  const machine = new Machine('output');
  let workspace: Workspace;
  let port = 0;
  const endings: Ending[] = [];

  beforeAll(async () => {
    workspace = await machine.workspace({ folder: 'caf\u00e9' });
    port = await freePort();
    workspace.service('services/api', { port, fixture: 'prints-secret', deploy: { health: { path: '/health', interval: '100ms', timeout: '2s' } } });
    workspace.write('services/api/environments/env.schema.json', {
      type: 'object', properties: { GREETING: { type: 'string' }, API_TOKEN: { 'type': 'string', 'x-secret': true } }, required: ['API_TOKEN'],
    });
    workspace.write('services/api/environments/staging.env', `API_TOKEN=${SECRET}\nGREETING="gr\u00fc\u00df dich \u2713"\n`);
    workspace.write('.gitignore', 'node_modules\ndist\n.nx\n*.env\n');
    await workspace.commit('c\u00f4mmit with \u2713 and \u001b[31mcolour\u001b[0m');
  });
  afterAll(() => machine.dispose());

  /** Bytes that are neither printable ASCII nor a newline, with what stands before them. */
  const foreign = ({ output }: Ending): readonly string[] => [...output.matchAll(/.{0,40}[^\n\x20-\x7e]/g)].map(([text]) => JSON.stringify(text));

  const keep = (ending: Ending): Ending => {
    endings.push(ending);
    return ending;
  };

  it.each([
    ['as it is', {}],
    ['with FORCE_COLOR', { FORCE_COLOR: '1' }],
    ['with NO_COLOR', { NO_COLOR: '1' }],
    ['on a terminal type of its own', { TERM: 'xterm-256color', CI: 'true' }],
  ])('is plain ASCII for every command, %s', async (label, variables: Readonly<Record<string, string>>) => {
    const bin = async (code: number, ...args: readonly string[]): Promise<Ending> => keep(exited(await workspace.binWith(variables, ...args), code));
    workspace.build('services/api', 'prints-secret', label);
    await bin(0, 'deploy', 'api', '-c', 'staging', '--dry-run');
    await bin(0, 'deploy', 'api', '-c', 'staging');
    await bin(0, 'deploy', 'api', '-c', 'staging');
    await bin(0, 'status', 'api', '-c', 'staging');
    await bin(0, 'status', 'api', '-c', 'staging', '--json');
    await bin(0, 'logs', 'api', '-c', 'staging');
    await bin(0, 'logs', 'api', '-c', 'staging', '--json');
    await bin(0, 'agent', 'status');
    await bin(0, '--help');
    await bin(3, 'deploy', 'api', '-c', 'st\u00e4ging\u001b[31m');
    await bin(3, 'deploy', '\u00e4pi', '-c', 'staging');
    await bin(3, 'deploy', 'api', '--\u00e4');
    expect(endings.flatMap(foreign)).toEqual([]);
  });

  it('is plain ASCII when a release fails, and its last words are foreign', async () => {
    workspace.build('services/api', 'prints-secret', 'failing');
    workspace.write('services/api/dist/main.js', 'console.error(`b\u00f6se \u001b[31m\u2717\u001b[0m\\x07 token ${process.env.API_TOKEN}`);\nprocess.exitCode = 1;\n');
    const ending = keep(exited(await workspace.bin('deploy', 'api', '-c', 'staging'), 1));
    expect(ending.output).toMatch(/- b\S+se .*token \[API_TOKEN\]/);
    expect(foreign(ending)).toEqual([]);
  });

  it('colours a terminal only when it is one, or when it is asked to', async () => {
    workspace.build('services/api', 'prints-secret', 'coloured');
    const coloured = exited(await workspace.bin('deploy', 'api', '-c', 'staging', '--color'), 0);
    expect(coloured.output).toContain('\u001b[');
    const [before = '', ...painted] = coloured.output.split('\u001b');
    expect(foreign({ ...coloured, output: before })).toEqual([]);
    expect(painted.filter((part) => !/^\[\d+m[\n\x20-\x7e]*$/.test(part))).toEqual([]);
    expect(exited(await workspace.bin('deploy', 'api', '-c', 'staging', '--no-color'), 0).output).not.toContain('\u001b');
  });

  it('shows the service its secret, and nobody else', async () => {
    workspace.build('services/api', 'steady', 'holds the secret');
    keep(exited(await workspace.nx('run', 'api:deploy', '--configuration=staging'), 0));
    expect(await askJson(`http://127.0.0.1:${port}/env?name=API_TOKEN`)).toBe(SECRET);
    const lines = allProcesses().map((pid) => commandLine(pid));
    expect(lines.length).toBeGreaterThan(3);
    expect(lines.filter((line) => line.includes(SECRET))).toEqual([]);
  });

  it('names the secret where a service logged it', async () => {
    workspace.build('services/api', 'prints-secret', 'logged');
    await workspace.deploy('api');
    const logged = await eventually('both halves are logged', () => workspace.bin('logs', 'api', '-c', 'staging'), ({ stdout }) => (stdout.match(/prints-secret: \[API_TOKEN\]$/gm) ?? []).length >= 2);
    keep(logged);
    expect(logged.stdout).toMatch(/prints-secret: token \[API_TOKEN\]/);
    expect(logged.stdout).toMatch(/"API_TOKEN":"\[API_TOKEN\]"/);
    keep(failed(await workspace.nx('run', 'api:deploy')));
    keep(exited(await workspace.nx('run', 'api:logs', '--configuration=staging'), 0));
  });

  it('holds no secret, and no file does but the values and the sealed configuration', () => {
    expect(endings.length).toBeGreaterThan(40);
    expect(endings.filter(({ output }) => output.includes(SECRET)).map(({ command }) => command)).toEqual([]);
    const holders = files(machine.folder).filter((file) => readFileSync(file).includes(SECRET));
    const sealed = /\/home\/services\/[^/]+\/config\/[0-9a-f]+\.json$/;
    expect(holders.filter((file) => !sealed.test(file))).toEqual([workspace.path('services/api/environments/staging.env')]);
    const kept = holders.filter((file) => sealed.test(file));
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.map((file) => statSync(file).mode & 0o777)).toEqual(kept.map(() => 0o600));
    expect(statSync(machine.home).mode & 0o077).toBe(0);
  });

  /** Plain files; the installed packages are not the workspace's. */
  function files(folder: string): readonly string[] {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return files(path);
      return entry.isFile() ? [path] : [];
    });
  }
});
