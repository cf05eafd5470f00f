import { newClient, readCookie, setCookie } from './sticky.js';

const ID = 'AAAAAAAAAAAAAAAAAAAA-_';
const read = (...values: string[]) => readCookie(['Host', 'h', ...values.flatMap((value) => ['Cookie', value]), 'X-Last', 'nx=1'], 'nx');
const cookies = (headers: readonly string[]): string[] => headers.filter((_text, index) => headers[index - 1] === 'Cookie' && index % 2 === 1);

it('finds its id, and leaves the other cookies their bytes', () => {
  for (const [value, rest] of [
    [`nx=${ID}`, []], [`a=1; nx=${ID}; b=2`, ['a=1; b=2']], [`nx=${ID}; b="x y"`, ['b="x y"']], [`a=1;nx=${ID}`, ['a=1']],
    [`a=\u00ff%zz; nx = ${ID} ;  c`, ['a=\u00ff%zz;  c']], [`nx=${ID};`, []], [`; nx=${ID} ; `, []],
  ] as const) {
    const { client, headers } = read(value);
    expect([client, cookies(headers)]).toEqual([ID, rest]);
    expect(headers.slice(-2)).toEqual(['X-Last', 'nx=1']);
  }
});

it('takes nothing else for its cookie', () => {
  for (const value of [`xnx=${ID}`, `nxx=${ID}`, `a=nx=${ID}`, 'nx', `NX=${ID}`, 'other=1', '']) {
    const { client, headers } = read(value);
    expect([client, cookies(headers)]).toEqual([undefined, [value]]);
  }
  const untouched = ['Cookie', 'a=1'];
  expect(readCookie(untouched, 'nx').headers).toBe(untouched);
});

it.each([
  ['', 'x', `${ID}A`, ID.slice(1), `"${ID}"`, '%41%zz%', `${ID.slice(2)}\r\n`, 'a\r\nSet-Cookie: evil=1', '__proto__', `${ID.slice(1)}\u00e4`, 'A'.repeat(60_000)],
])('does not believe a value that it would not have made, and drops it (%#)', (...values) => {
  for (const value of values) {
    const { client, headers } = read(`a=1; nx=${value}`);
    expect([client, cookies(headers)]).toEqual([undefined, ['a=1']]);
  }
});

it('takes the first id of many cookies of its name, in one line or several, and drops all', () => {
  const other = newClient();
  expect(read(`nx=bad; nx=${ID}; nx=${other}`)).toEqual({ client: ID, headers: ['Host', 'h', 'X-Last', 'nx=1'] });
  expect(read('nx=bad', `a=1; nx=${ID}`, `nx=${other}; b=2`)).toEqual({ client: ID, headers: ['Host', 'h', 'Cookie', 'a=1', 'Cookie', 'b=2', 'X-Last', 'nx=1'] });
});

it('reads the largest header block there can be in no time', () => {
  for (const value of ['nx=;'.repeat(16_384), ';'.repeat(65_536), 'nx'.repeat(32_768), ' nx = '.repeat(10_000), '='.repeat(65_536) + 'nx']) {
    // Of the processor: what else the machine does is no matter.
    const begin = process.cpuUsage();
    expect(read(value).client).toBeUndefined();
    expect(process.cpuUsage(begin).user / 1_000).toBeLessThan(100);
  }
});

it('makes ids that it believes, no two the same, and cookies that say no more than they must', () => {
  const ids = Array.from({ length: 1_000 }, newClient);
  expect(new Set(ids).size).toBe(1_000);
  expect(ids.every((id) => read(`nx=${id}`).client === id)).toBe(true);
  expect(setCookie('nx', ID, false)).toBe(`nx=${ID}; Path=/; HttpOnly; SameSite=Lax`);
  expect(setCookie('nx', ID, true)).toBe(`nx=${ID}; Path=/; HttpOnly; SameSite=Lax; Secure`);
});
