/** A change that waits may have moved the service to another address; whoever takes it back moves it back. */
import { approve, reject } from './answer.js';
import { benchPerTest, deployFile, get, unusedPort, type Workbench } from './workbench.spec-support.js';

let bench: Workbench;
benchPerTest((opened) => { bench = opened; });

const file = (port: number, strategy: object): object => deployFile({ watch: '0s', environments: { staging: { listen: port, strategy } } });
const canary = { type: 'canary', steps: [{ weight: 50, soak: '0s', approve: true }], keepWarm: '0s' };

/** Version 1 answers at the first port; a deploy of version 2 waits, and has moved both to the second. */
async function moved(): Promise<{ readonly before: string; readonly after: string }> {
  const [first, second] = [await unusedPort(), await unusedPort()];
  await bench.write('apps/api/deploy.json', file(first, canary));
  const { document } = await bench.deploy();
  await bench.write('apps/api/deploy.json', file(second, canary));
  await bench.build('2');
  const asked = await bench.deploy();
  expect(asked.document).toMatchObject({ outcome: 'paused', url: `http://127.0.0.1:${second}` });
  return { before: document.url ?? '', after: `http://127.0.0.1:${second}` };
}

async function isBack({ before, after }: { readonly before: string; readonly after: string }): Promise<void> {
  expect(await get(before)).toMatchObject({ status: 200, body: expect.stringContaining('"version":"1"') });
  await expect(get(after)).rejects.toThrow();
}

test('rejected, also by way of another agent, it is back at its address', async () => {
  const addresses = await moved();
  await bench.restart();
  expect(await reject(bench.context(), {})).toMatchObject({ exitCode: 0, document: { decision: 'rejected', url: addresses.before } });
  await isBack(addresses);
}, 30_000);

test('approved and failed later, it is back at its address', async () => {
  const addresses = await moved();
  await bench.write('apps/api/deploy.json', deployFile({ hooks: { postDeploy: [['node', '-e', 'process.exit(3)']] }, environments: { staging: { strategy: canary } } }));
  expect(await approve(bench.context(), {})).toMatchObject({ exitCode: 1, document: { outcome: 'restored' } });
  await isBack(addresses);
}, 30_000);
