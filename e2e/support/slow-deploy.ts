/** A service that runs, and deploys of it that do not come to an end by themselves. */
import type { Machine } from './machine.js';
import type { Program } from './program.js';
import type { Terminal } from './terminal.js';
import { askJson, eventually, freePort } from './request.js';
import type { Status, Workspace } from './workspace.js';

export class SlowDeploys {
  private constructor(readonly workspace: Workspace, readonly port: number, public live: string) {}

  /** Two instances of version 1 run as api in staging. */
  static async open(machine: Machine): Promise<SlowDeploys> {
    const workspace = await machine.workspace();
    const port = await freePort();
    workspace.service('services/api', { port, deploy: { stopTimeout: '8s', health: { path: '/health', interval: '100ms', timeout: '60s' } } });
    return new SlowDeploys(workspace, port, (await workspace.deploy('api')).release ?? '');
  }

  async version(): Promise<unknown> {
    return (await askJson(`http://127.0.0.1:${this.port}/version`))['version'];
  }

  /** Only the release from before runs, whole, and nobody holds the lock. */
  async restored(within = 10_000): Promise<Status> {
    const status = await eventually('the old release is restored', () => this.workspace.status('api'), (seen) =>
      seen.lock === undefined && Object.keys(seen.fleet).join(' ') === this.live && seen.instances.every(({ state }) => state === 'ready'), within);
    expect(status.instances).toHaveLength(2);
    expect(await this.version()).toBe('1');
    expect(status.ledger.ok).toBe(true);
    return status;
  }

  /** A deploy that waits for a service that never gets healthy. */
  async waiting(start: () => Program, build: string): Promise<Program> {
    this.workspace.build('services/api', 'never-healthy', build);
    const program = start();
    await program.prints(/waiting for/);
    expect(await this.version()).toBe('1');
    return program;
  }

  /** The same, typed into a terminal. `deaf`: it does not end on SIGTERM either, so that going back takes 8 s. */
  async typed(terminal: Terminal, argv: readonly string[], build: string, deaf = false): Promise<void> {
    this.workspace.build('services/api', 'never-healthy', build);
    if (deaf) {
      this.workspace.write('services/api/dist/main.js', `console.log(${JSON.stringify(build)}); process.on("SIGTERM", () => {}); require("node:http").createServer((q, a) => { a.statusCode = 503; a.end(); }).listen(process.env.PORT, "127.0.0.1");`);
    }
    await terminal.types(...argv);
    await eventually('the new instance is there and unhealthy', () => this.workspace.status('api'), ({ instances }) =>
      instances.some(({ release, reason }) => release !== this.live && reason.includes('503')), 20_000);
    expect(await this.version()).toBe('1');
  }
}
