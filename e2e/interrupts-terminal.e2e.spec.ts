import { Machine, nxProgram, binProgram } from './support/machine.js';
import { exited } from './support/program.js';
import { processesOf } from './support/processes.js';
import { eventually } from './support/request.js';
import { SlowDeploys } from './support/slow-deploy.js';
import { Terminal } from './support/terminal.js';

const ASKED = /SIGINT: asking the agent to restore what ran before/;

/** Ctrl-C, and a window that is closed: what a person does. */
describe('interrupts on a terminal', () => {
  const machine = new Machine('terminal');
  let deploys: SlowDeploys;
  let terminal: Terminal;

  beforeAll(async () => { deploys = await SlowDeploys.open(machine); });
  afterAll(() => machine.dispose());
  beforeEach(() => { terminal = new Terminal({ cwd: deploys.workspace.root, env: deploys.workspace.env }); });
  afterEach(() => terminal.close());

  const bin = [process.execPath, binProgram, 'deploy', 'api', '-c', 'staging'];
  const nx = [process.execPath, nxProgram, 'run', 'api:deploy', '--configuration=staging'];

  /** Nothing that was started from the terminal runs any more. */
  const gone = (): Promise<unknown> => eventually('command and Nx have ended', () => processesOf(machine.folder).filter(({ command }) => command.includes('api:deploy') || command.includes('deploy api')), (left) => left.length === 0, 15_000);

  /** The advice that was given leads to the outcome. */
  const watched = async (): Promise<void> => {
    const { output } = exited(await deploys.workspace.bin('status', 'api', '-c', 'staging', '--follow'), 1);
    expect(output).toMatch(/the deploy run-\S+ has ended: restored/);
    expect((await deploys.restored()).releases[0]).toMatchObject({ action: 'deploy', outcome: 'restored' });
    await gone();
  };

  it('Ctrl-C in the bin restores, says so, and the prompt comes back', async () => {
    await deploys.typed(terminal, bin, 'ctrl-c');
    await terminal.interrupt(ASKED);
    expect(await terminal.exitCode()).toBe(1);
    expect(terminal.screen).toMatch(/deploy failed, restored what ran before/);
    expect((await deploys.restored(0)).releases[0]).toMatchObject({ action: 'deploy', outcome: 'restored' });
    await gone();
  });

  it('when going back takes long the bin leaves it to the agent, says how to watch, and status tells the outcome', async () => {
    await deploys.typed(terminal, bin, 'deaf', true);
    await terminal.interrupt(ASKED);
    expect(await terminal.exitCode()).toBe(2);
    expect(terminal.screen).toMatch(/error ND-NOT-RESTORED: [^]+next: the agent goes on by itself; to watch the run run-\S+: npx nx-deploy status api -c staging --follow/);
    await watched();
  });

  it('Ctrl-C in nx run, which ends the command within seconds: the prompt comes back, it says how to watch, and status tells the outcome', async () => {
    await deploys.typed(terminal, nx, 'nx ctrl-c', true);
    await terminal.interrupt(ASKED);
    expect(await terminal.exitCode()).not.toBe(0);
    expect(terminal.screen).toContain('should this command end first, watch it: npx nx-deploy status api -c staging --follow');
    await watched();
  });

  it.each([['the bin', bin], ['nx run', nx]])('a window that is closed under %s restores', async (name, argv) => {
    await deploys.typed(terminal, argv, `${name} closed`);
    await terminal.close();
    expect((await deploys.restored()).releases[0]).toMatchObject({ action: 'deploy', outcome: 'restored' });
    await gone();
  });
});
