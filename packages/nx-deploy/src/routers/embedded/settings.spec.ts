import { checkSettings } from './settings.js';
import type { Route } from '../router.js';
import { route, target } from './router.spec-support.js';

const check = (rest: Partial<Route>) => () => checkSettings(route(1, [target(2)], rest));
const maintenance = { type: 'maintenance', page: 'x', contentType: 'text/html' } as const;

it('takes what can stand in HTTP', () => {
  for (const rest of [{}, { sticky: { cookie: 'nx-api' } }, { testers: { header: 'X-Release' } }, { closure: maintenance }, { closure: { ...maintenance, retryAfter: 0 } }, { closure: { type: 'paused', wait: 0, most: Infinity } }] as const) {
    expect(check(rest)).not.toThrow();
  }
});

it.each([
  ['sticky.cookie', { sticky: { cookie: 'a=b' } }], ['sticky.cookie', { sticky: { cookie: 'a\r\nSet-Cookie: x' } }], ['sticky.cookie', { sticky: { cookie: '' } }],
  ['testers.header', { testers: { header: 'x y' } }],
  ['closure.contentType', { closure: { ...maintenance, contentType: 'text/html\r\nX: y' } }],
  ['closure.retryAfter', { closure: { ...maintenance, retryAfter: -1 } }], ['closure.retryAfter', { closure: { ...maintenance, retryAfter: 0.5 } }],
  ['closure.wait', { closure: { type: 'paused', wait: NaN, most: 1 } }], ['closure.most', { closure: { type: 'paused', wait: 1, most: -1 } }],
] as const)('refuses another %s', (setting, rest) => {
  expect(check(rest)).toThrow(setting);
});
