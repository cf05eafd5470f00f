import { Machine } from './support/machine.js';
import { exited } from './support/program.js';
import { ask, freePort } from './support/request.js';
import type { Result, Workspace } from './support/workspace.js';

const CLIENTS = 200;

/** A browser, as far as cookies go. */
class Client {
  private readonly jar = new Map<string, string>();

  constructor(private readonly url: string) {}

  /** The release that answered. */
  async visit(headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await ask(this.url, { headers: { ...(cookie === '' ? {} : { cookie }), ...headers } });
    expect(answer.status).toBe(200);
    for (const line of answer.cookies) {
      const [name = '', value = ''] = (line.split(';', 1)[0] ?? '').split('=', 2);
      this.jar.set(name, value);
    }
    return answer.release;
  }
}

describe('a canary whose users stay on their side', () => {
  const machine = new Machine('sticky');
  let workspace: Workspace;
  let url = '';
  let clients: readonly Client[] = [];
  let stable = '';
  let canary = '';

  beforeAll(async () => {
    workspace = await machine.workspace();
    const port = await freePort();
    url = `http://127.0.0.1:${port}/version`;
    const steps = [{ weight: 10, soak: '0s', approve: true }, { weight: 25, soak: '0s', approve: true }];
    const strategy = { type: 'canary', steps, analyse: false, sticky: true, header: 'x-canary' };
    workspace.service('services/shop', { port, deploy: { environments: { staging: { instances: 2, strategy, listen: port } } } });
    stable = (await workspace.deploy('shop')).release ?? '';
    clients = Array.from({ length: CLIENTS }, () => new Client(url));
    workspace.build('services/shop', 'steady', '2');
    canary = (await workspace.deploy('shop', 4)).release ?? '';
  });
  afterAll(() => machine.dispose());

  /** Who is served by the canary, at each of two visits. */
  async function inCanary(): Promise<ReadonlySet<Client>> {
    const served = await Promise.all(clients.map(async (client) => new Set([await client.visit(), await client.visit()])));
    expect(served.filter(({ size }) => size > 1)).toEqual([]);
    return new Set(clients.filter((_, index) => served[index]?.has(canary)));
  }
  const approve = async (code: number): Promise<Result> => JSON.parse(exited(await workspace.bin('approve', 'shop', '-c', 'staging', '--json'), code).stdout) as Result;

  it('lets testers choose, whatever their cookie says', async () => {
    const tester = new Client(url);
    const own = await tester.visit();
    expect([await tester.visit({ 'x-canary': 'always' }), await tester.visit({ 'x-canary': 'never' }), await tester.visit({ 'x-canary': canary })]).toEqual([canary, stable, canary]);
    expect(await tester.visit()).toBe(own);
  });

  it('only gets users added from 10% to 25%, then has all of them', async () => {
    const ten = await inCanary();
    // 200 clients with chances of 10% and 25%: four standard deviations and more to either side.
    expect(ten.size).toBeGreaterThan(2);
    expect(ten.size).toBeLessThan(40);
    expect((await approve(4)).outcome).toBe('paused');
    const more = await inCanary();
    expect([...ten].filter((client) => !more.has(client))).toEqual([]);
    expect(more.size).toBeGreaterThan(Math.max(ten.size, 24));
    expect(more.size).toBeLessThan(76);
    expect((await approve(0)).outcome).toBe('done');
    expect((await inCanary()).size).toBe(CLIENTS);
  });
});
