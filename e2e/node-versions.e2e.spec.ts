import { execFileSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { Machine, repository } from './support/machine.js';
import { exited, runProgram, type Ending } from './support/program.js';

/** Those that are supported beside the one that runs the tests. */
const VERSIONS = ['20', '22', '24'].filter((version) => version !== process.versions.node.split('.')[0]);
/** Deploys from files, an order, images and what a stranger does. */
const SPECS = ['e2e/setup.e2e', 'e2e/setup-integrated', 'e2e/order', 'e2e/exit-codes', 'e2e/images.e2e', 'e2e/stranger.way'];

/** The package `node` of npm has the program: part of a soak. */
(process.env['NX_DEPLOY_SOAK'] === '1' ? describe : describe.skip)('another version of Node', () => {
  const machine = new Machine('node');
  afterAll(() => machine.dispose());

  it.each(VERSIONS)('runs all that a user does: %s', async (version) => {
    const folder = join(machine.folder, `node-${version}`);
    exited(await run(['npm', 'install', '--no-save', '--prefix', folder, `node@${version}`], 300_000), 0);
    const node = join(folder, 'node_modules/node/bin/node');
    expect(execFileSync(node, ['--version'], { encoding: 'utf8' })).toMatch(new RegExp(`^v${version}\\.`));
    const ending = exited(await run([node, 'node_modules/jest/bin/jest.js', '--runInBand', '--selectProjects', 'e2e', '--', ...SPECS], 1_500_000, node), 0);
    expect(ending.output).toMatch(/^Tests: .*\d+ passed/m);
    expect(ending.output).toMatch(new RegExp(`^Test Suites: ${SPECS.length} passed, ${SPECS.length} total`, 'm'));
  }, 1_800_000);

  /** With this Node as that of the person who runs it: whatever is started by name is started by it. */
  function run(argv: readonly string[], deadline: number, node?: string): Promise<Ending> {
    const { NX_DEPLOY_SOAK: _soak, ...env } = Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
    const path = node === undefined ? {} : { PATH: [dirname(node), env['PATH'] ?? ''].join(delimiter) };
    return runProgram(argv, { cwd: repository, env: { ...env, ...path }, deadline });
  }
});
