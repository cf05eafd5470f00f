import type { NotificationOption } from '../config/index.js';
import type { CommandContext } from './context.js';
import { channelsOf } from './notify.js';

const own = { on: ['failure'], level: 1, templates: {}, timeout: 1 } as const;
const context = (variables: NodeJS.ProcessEnv, workspaceRoot = '/w'): CommandContext => ({ workspaceRoot, projectRoot: 'apps/api', variables }) as unknown as CommandContext;
const prepared = (target: NotificationOption['target'], variables: NodeJS.ProcessEnv = {}): unknown => channelsOf(context(variables), { notifications: [{ name: 'a', target, ...own }] })[0];

test('channels get the values of the variables that they name', () => {
  expect(prepared({ type: 'slack', webhook: 'U' }, { U: 'https://a.example/secret' })).toEqual({ name: 'a', ...own, target: { type: 'slack', url: 'https://a.example/secret' } });
  expect(prepared({ type: 'webhook', url: 'https://b.example', secret: 'K' }, { K: 'key', X: 'y' })).toEqual({ name: 'a', ...own, target: { type: 'webhook', url: 'https://b.example', secret: 'key' } });
  expect(prepared({ type: 'command', run: ['x'], env: ['K'] }, { K: 'key', X: 'y' })).toEqual({ name: 'a', ...own, target: { type: 'command', run: ['x'], env: { K: 'key' }, cwd: '/w/apps/api' } });
  const mail = { type: 'email', host: 'h', port: 1, security: 'tls', from: 'a@b', to: ['c@d'], user: 'u' } as const;
  expect(prepared({ ...mail, password: 'P' }, { P: 'pw' })).toEqual({ name: 'a', ...own, target: { ...mail, password: 'pw', module: expect.stringContaining('nodemailer') } });
});

test('one that lacks something is told as such when it would be used', () => {
  expect(prepared({ type: 'slack', webhook: 'U' })).toMatchObject({ unusable: 'the variable U is not set' });
  expect(prepared({ type: 'slack', webhook: 'U' }, { U: 'secret' })).toMatchObject({ unusable: 'the variable U holds no URL' });
  expect(prepared({ type: 'webhook', url: 'https://b.example', secret: 'K' }, { K: '' })).toMatchObject({ unusable: 'the variable K is not set' });
  expect(prepared({ type: 'command', run: ['x'], env: ['K', 'L'] }, { K: 'key' })).toMatchObject({ unusable: 'the variable L is not set' });
});
