import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Receiver } from '../notifications/receiver.spec-support.js';
import { benchPerTest, deployFile, eventually, type Workbench } from './workbench.spec-support.js';

let bench: Workbench;
let receiver: Receiver;
benchPerTest((opened) => { bench = opened; });
beforeEach(async () => { receiver = await Receiver.open(); });
afterEach(() => receiver.close());

const kinds = (): readonly string[] => receiver.got.map(({ headers }) => String(headers['x-nx-deploy-event']));

test('the agent tells of deploys, failures and what its watch takes back; no secret is kept anywhere', async () => {
  const secrets = { SLACK_URL: `${receiver.url}/a-secret-path-of-a-test`, HOOK_KEY: 'a-signing-key-of-a-test', PAGER_KEY: 'a-pager-key-of-a-test' };
  Object.assign(bench.variables, secrets);
  const notifications = {
    hook: { type: 'webhook', url: receiver.url, secret: 'HOOK_KEY', on: ['start', 'success', 'failure', 'watch-rollback'] },
    team: { type: 'slack', webhook: 'SLACK_URL', on: ['watch-rollback'] }, none: { type: 'slack', webhook: 'NOT_SET', on: ['success'] },
    pager: { type: 'command', run: [process.execPath, '-e', 'process.exit(1)'], env: ['PAGER_KEY'], on: ['success'] },
  };
  const file = (watch: string): object => deployFile({ notifications, watch, strategy: { type: 'blue-green', keepWarm: '0s', smoke: [] } });
  await bench.write('apps/api/deploy.json', file('0s'));
  const first = await bench.deploy();
  expect(first.output.events).toContainEqual({ type: 'note', text: 'the notification none of success was not taken: the variable NOT_SET is not set' });
  expect(first.output.events).toContainEqual({ type: 'note', text: 'the notification pager of success was not taken: exit code 1' });
  await bench.write('apps/api/deploy.json', file('20s'));
  await bench.build('2', 'turns-bad');
  await bench.write('apps/api/dist/main.js', `process.env.DIE_AFTER = '5';\n${await readFile(join(bench.root, 'apps/api/dist/main.js'), 'utf8')}`);
  const { document } = await bench.deploy();
  expect(document.outcome).toBe('done');
  await Promise.all(Array.from({ length: 8 }, () => fetch(`${document.url ?? ''}/version`, { headers: { connection: 'close' } }).catch(() => undefined)));
  await eventually(() => kinds().includes('watch-rollback') && receiver.got.some(({ url }) => url?.includes('a-secret-path') === true), 'the watch to tell of it');
  expect(kinds().filter((kind) => kind !== 'undefined')).toEqual(['start', 'success', 'start', 'success', 'start', 'watch-rollback']);
  expect(JSON.parse(receiver.got.find(({ url }) => url?.includes('a-secret-path') === true)?.body ?? '{}')).toEqual({ text: expect.stringMatching(/^api \(staging\): r\w+ runs again instead of r\w+, by its watch: release r\w+ did badly/) });

  const files = (await readdir(bench.home.folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const texts = await Promise.all(files.map((each) => readFile(each, 'utf8').catch(() => '')));
  expect(texts.some((text) => text.includes('watch-rollback') || text.includes('did badly'))).toBe(true);
  for (const secret of Object.values(secrets)) expect(files.filter((_, index) => texts[index]?.includes(secret) === true)).toEqual([]);
}, 60_000);
