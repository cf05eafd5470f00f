import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { NOTICE_KINDS } from './notice.js';
import { PLACEHOLDERS } from './template.js';
import { signature } from './webhook.js';

const page = readFileSync(join(__dirname, '../../../../docs/notifications.md'), 'utf8');

test('the page has every event and every placeholder', () => {
  expect([...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind)).toEqual(NOTICE_KINDS);
  expect([...page.matchAll(/`\{([a-z]+)\}`/g)].map(([, name]) => name)).toEqual(PLACEHOLDERS);
});

test('its way to check a signature works', () => {
  const code = /```js\n([^]*?)```/.exec(page)?.[1] ?? '';
  const isGenuine = runInNewContext(`${code}; isGenuine`, { require, Buffer }) as (headers: object, body: string, secret: string) => boolean;
  const timestamp = String(Math.floor(Date.now() / 1_000));
  const headers = (at: string, secret: string): object => ({ 'x-nx-deploy-timestamp': at, 'x-nx-deploy-signature': signature(secret, at, '{}') });
  expect(isGenuine(headers(timestamp, 'a-key'), '{}', 'a-key')).toBe(true);
  expect(isGenuine(headers(timestamp, 'a-key'), '{} ', 'a-key')).toBe(false);
  expect(isGenuine(headers(timestamp, 'another'), '{}', 'a-key')).toBe(false);
  expect(isGenuine(headers('1700000000', 'a-key'), '{}', 'a-key')).toBe(false);
  expect(isGenuine({ 'x-nx-deploy-timestamp': timestamp }, '{}', 'a-key')).toBe(false);
});
