import { STATE_SCHEMA } from '../../releases/index.js';
import type { ServiceRecord } from './record.js';
import { cookieName } from '../../routers/service-names.js';
import { routeOf, settingsDrift } from './route.js';

const key = { workspace: 'acme', environment: 'staging', service: 'api' };
const listen = { address: '127.0.0.1', port: 8_080 };
const record: ServiceRecord = { schema: STATE_SCHEMA, key, owner: 'path:/acme', node: '/usr/bin/node', weights: { ra: 95, rb: 5 } };

test('a record without settings is a plain route', () => {
  expect(routeOf(record, listen, [])).toEqual({ key: 'api (staging, acme)', listen, weights: { ra: 95, rb: 5 }, targets: [] });
});

test('sticky is a cookie, the header names the release that arrives, and a closed service has its closure', () => {
  const closure = { type: 'paused', wait: 30_000, most: 10 } as const;
  expect(routeOf({ ...record, steering: { sticky: true, header: 'x-canary' }, arriving: 'rb', closed: { closure, since: '', by: 'me' } }, listen, [])).toMatchObject({
    sticky: { cookie: cookieName(key) }, testers: { header: 'x-canary', arriving: 'rb' }, closure,
  });
  expect(routeOf({ ...record, steering: { sticky: false, header: 'x-canary' } }, listen, [])).toMatchObject({ testers: { header: 'x-canary' } });
  expect(routeOf({ ...record, steering: { sticky: false } }, listen, [])).not.toHaveProperty('sticky');
});

test('the cookie has one name for ever, another for each service, and is a token', () => {
  expect(cookieName(key)).toBe('nxd-8480de06a54f');
  const others = [{ ...key, service: 'web' }, { ...key, environment: 'production' }, { ...key, workspace: 'other' }, key];
  expect(new Set(others.map(cookieName)).size).toBe(4);
  for (const other of others) expect(cookieName(other)).toMatch(/^nxd-[0-9a-f]{12}$/);
});

test('each setting that differs is a line; nothing in force yet is no difference', () => {
  const wanted = { listen: { address: '0.0.0.0', host: 'api.test' }, steering: { sticky: true, header: 'x-canary' } };
  expect(settingsDrift({ listen }, wanted)).toEqual([
    'listen address 127.0.0.1 becomes 0.0.0.0', 'listen host any becomes api.test', 'sticky cookie off becomes on', 'header for testers none becomes x-canary',
  ]);
  expect(settingsDrift({ listen, steering: { sticky: true, header: 'x-canary' } }, { listen, steering: {} })).toEqual([
    'sticky cookie on becomes off', 'header for testers x-canary becomes none',
  ]);
  expect(settingsDrift({ listen, steering: { sticky: false } }, { listen, steering: {} })).toEqual([]);
  expect(settingsDrift({}, wanted)).toEqual([]);
});
