import { DeployError } from '../errors.js';
import { parseConfig } from './load.js';
import { resolveEnvironment } from './resolve.js';
import type { NotificationOption } from './notification-option.js';

function resolved(top: object, staging: object = {}): readonly NotificationOption[] {
  const text = JSON.stringify({ artifact: { type: 'files' }, ...top, environments: { staging } });
  return resolveEnvironment({ ...parseConfig(text, '/w/deploy.json'), environment: 'staging', projectRoot: 'apps/api', workspaceRoot: '/w', projectName: 'api' }).notifications;
}

function problems(channel: object): readonly string[] {
  try {
    resolved({ notifications: { team: channel } });
  } catch (error) {
    if (error instanceof DeployError && error.code === 'ND-CONFIG-INVALID') return error.parts.problems ?? [];
    throw error;
  }
  throw new Error('nothing was thrown');
}

const MAIL = { type: 'email', host: 'smtp.example.com', from: 'a@example.com', to: ['b@example.com'] };
const own = { on: ['success', 'failure', 'rollback', 'watch-rollback', 'approval'], level: 1, templates: {}, timeout: 10_000 };

test('channels have their defaults', () => {
  expect(resolved({})).toEqual([]);
  expect(resolved({ notifications: {
    team: { type: 'slack', webhook: 'SLACK_URL' }, hook: { type: 'webhook', url: 'https://a.example/b' }, run: { type: 'command', run: ['x'] }, mail: MAIL,
    tls: { ...MAIL, security: 'tls' }, plain: { ...MAIL, security: 'none' },
  } })).toEqual([
    { name: 'team', target: { type: 'slack', webhook: 'SLACK_URL' }, ...own },
    { name: 'hook', target: { type: 'webhook', url: 'https://a.example/b' }, ...own },
    { name: 'run', target: { type: 'command', run: ['x'], env: [] }, ...own },
    { name: 'mail', target: { ...MAIL, port: 587, security: 'starttls' }, ...own },
    { name: 'tls', target: { ...MAIL, port: 465, security: 'tls' }, ...own },
    { name: 'plain', target: { ...MAIL, port: 25, security: 'none' }, ...own },
  ]);
});

test('every key; those of an environment win by name', () => {
  const rest = { on: ['failure'], level: 3, templates: { failure: '{service}: {reason}' }, timeout: '3s' };
  const notifications = { a: { type: 'webhook', url: 'https://a.example', secret: 'KEY', ...rest }, b: { ...MAIL, port: 2525, user: 'u', password: 'PW' }, c: { type: 'command', run: ['x'], env: ['K'] } };
  expect(resolved({ notifications }, { notifications: { c: { type: 'slack', webhook: 'S' } } })).toEqual([
    { name: 'a', target: { type: 'webhook', url: 'https://a.example', secret: 'KEY' }, ...rest, timeout: 3_000 },
    { name: 'b', target: { ...MAIL, port: 2525, security: 'starttls', user: 'u', password: 'PW' }, ...own },
    { name: 'c', target: { type: 'slack', webhook: 'S' }, ...own },
  ]);
});

test.each<[object, RegExp]>([
  [{ ...MAIL, user: 'u' }, /^notifications\.team \(1:\d+\): must have both "user" and "password"/],
  [{ ...MAIL, user: 'u', password: 'P', security: 'none' }, /^notifications\.team\.security .*must not be "none" with a password/],
  [{ type: 'slack', webhook: 'S', templates: { failure: '{service} {secret}' } }, /templates\.failure .*must hold no \{secret\}/],
  [{ type: 'slack', webhook: 'S', on: ['fail'] }, /on\[0\] .*must be one of "start"/],
  [{ type: 'slack', webhook: 'S', level: 5 }, /level .*from 1 to 4/],
  [{ type: 'pager' }, /must be "slack", "email", "webhook" or "command"/],
  [{ type: 'webhook', url: 'https://ann:secret@a.example' }, /without user and password/],
  [{ ...MAIL, to: ['b@example.com\r\nBcc: c@example.com'] }, /must be an e-mail address/],
])('%j', (channel, expected) => expect(problems(channel)).toEqual([expect.stringMatching(expected)]));

test('a secret that stands where its name belongs is not shown', () => {
  for (const channel of [{ type: 'slack', webhook: 'https://hooks.slack.example/T/B/a-secret' }, { type: 'webhook', url: 'https://a.example', secret: 'a-secret' }, { ...MAIL, user: 'u', password: 'a-secret!' }]) {
    const [line, ...others] = problems(channel);
    expect(others).toEqual([]);
    expect(line).toMatch(/must be the name of an environment variable, never the secret itself, got something else \(it is not shown\)$/);
  }
});

test.each<[object]>([
  [{ notifications: { team: { type: 'webhook', url: 'https://u:hunter2@h/x' } } }], [{ notifications: { team: { type: 'webhook', url: 'hooks.example.com/hunter2' } } }],
  [{ notifications: { team: 'hunter2' } }], [{ notifications: 'hunter2' }], [{ notifications: { pager: { type: 'command', run: ['x'], env: ['KEY=hunter2'] } } }],
  [{ notifications: { pager: { type: 'command', run: 'page --key hunter2' } } }], [{ notifications: { pager: { type: 'command', run: ['x'], env: 'KEY=hunter2' } } }],
  [{ notifications: { mail: { ...MAIL, host: 'u:hunter2@smtp.example.com' } } }], [{ notifications: { mail: { ...MAIL, host: 'smtp://u:hunter2@h' } } }],
  [{ checks: { a: { type: 'http', url: 'http://u:hunter2@p' } } }], [{ checks: { a: 'hunter2' } }], [{ checks: { a: { type: 'prometheus', url: 'http://p/?key=hunter2', query: 'up', limit: '>0' } } }],
])('nor one that stands elsewhere in a channel or a check: %j', (part) => {
  const refusals = [part, { environments: { staging: part } }].map((given) => {
    try {
      parseConfig(JSON.stringify({ artifact: { type: 'files' }, environments: { staging: {} }, ...given }), '/w/deploy.json');
    } catch (error) {
      if (error instanceof DeployError) return error.message + JSON.stringify(error);
    }
    return 'nothing was refused';
  });
  for (const refusal of refusals) {
    expect(refusal).toContain('got something else (it is not shown)');
    expect(refusal).not.toContain('hunter2');
  }
});

test('what can be no secret is shown', () => {
  expect(problems({ type: 'pager' })).toEqual([expect.stringContaining('got "pager"')]);
  expect(problems({ ...MAIL, to: ['ann'] })).toEqual([expect.stringContaining('got "ann"')]);
  expect(() => parseConfig(JSON.stringify({ artifact: { type: 'files' }, checks: { a: { type: 'prometheus', url: 'http://p', query: 'up', limit: '<= 0.05' } }, environments: { staging: {} } }), '/w/deploy.json'))
    .toThrow(expect.objectContaining({ parts: expect.objectContaining({ problems: [expect.stringContaining('got "<= 0.05"')] }) }));
});
