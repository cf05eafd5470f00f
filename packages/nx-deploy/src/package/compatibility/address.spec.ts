import { addressProblem, parseAddress } from './address.js';

test.each([
  ['db.example.com:5432', { kind: 'tcp', host: 'db.example.com', port: 5432 }],
  ['[::1]:80', { kind: 'tcp', host: '::1', port: 80 }],
  ['db:65535', { kind: 'tcp', host: 'db', port: 65_535 }],
  ['postgres://user:pass@db/shop?sslmode=require', { kind: 'tcp', host: 'db', port: 5432 }],
  ['redis://[::1]:7000/0', { kind: 'tcp', host: '::1', port: 7000 }],
  ['https://billing.example.com/health', { kind: 'http', url: 'https://billing.example.com/health' }],
])('%s is read', (text, address) => {
  expect(parseAddress(text)).toEqual(address);
});

test.each([
  ['', /is no address/], ['db', /is no address/], ['db:', /is no address/], ['db:x', /is no address/], ['-db:80', /is no address/], ['a b:80', /is no address/], ['db:0', /port that is none/], ['db:65536', /port that is none/],
  ['://x', /is no address/], ['http://', /is no address/], ['postgres:///shop', /names no host/], ['tcp://db', /names no port/], ['mongodb+srv://db', /names no port/], ['mysql://a:1,b:2/x', /is no address/], ['file:///etc/passwd', /names no host/],
])('%j is none, and is not repeated: it may be secret', (text, why) => {
  const told = parseAddress(text);
  expect(told).toMatch(why);
  if (text.length > 5) expect(told).not.toContain(text);
});

test.each([
  ['${DATABASE_URL}', undefined], ['${HOST:-db}:${PORT}', undefined], ['db:5432', undefined], ['http://a/b@c', undefined],
  ['${DB-HOST}:5432', /begins no variable/], ['${HOST}:${', /begins no variable/], ['$${HOST}:80', /is no address/], ['nowhere', /is no address/],
  ['postgres://user:pass@db', /holds a user or a password/], ['https://token@billing', /holds a user or a password/],
])('in deploy.json %j is fine or told', (written, why) => {
  const problem = addressProblem(written);
  if (why === undefined) expect(problem).toBeUndefined();
  else expect(problem).toMatch(why);
  expect(problem ?? '').not.toContain('pass@');
});
