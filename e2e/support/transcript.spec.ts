import { normalised, shownIn, Transcript, withShown } from './transcript.js';

const OUTPUT = `
 NX   Running target deploy for project @shop/api:

2026-11-29T07:34:49Z  walk          done in 1.9s
environment staging of @shop/api: valid, 0 keys
deployed: shop-api staging in 2.0s
  release   rf40c6b0ad932
  changed   artifact 1.7 MB, +2 B
  requests  12 seen, 0 failed
  url       http://127.0.0.1:13080
  ledger    8a443752aa2d8205

  Run duration:      11.6s
`;

it('shows of a command what nx-deploy says at its end', () => {
  const transcript = new Transcript();
  transcript.add('npx nx run api:deploy', OUTPUT);
  transcript.add('npx nx add nx-deploy', 'UPDATE nx.json\nup to date in 6s\n');
  expect(transcript.text).toBe(`$ npx nx run api:deploy
environment staging of @shop/api: valid, 0 keys
deployed: shop-api staging in 2.0s
  release   rf40c6b0ad932
  changed   artifact 1.7 MB, +2 B
  requests  12 seen, 0 failed
  url       http://127.0.0.1:13080
  ledger    8a443752aa2d8205

$ npx nx add nx-deploy
UPDATE nx.json
`);
});

it('takes two runs for the same that differ in times, sizes, names and the order of tasks', () => {
  const one = '$ x\ndeployed: a in 1.0s\n  release   rf40c6b0ad932\n  changed   1.7 MB, -2 B\nbuilt: b in 300ms\n  digest    sha256:' + 'a'.repeat(64) + '\n';
  const other = '$ x\nbuilt: b in 12.1s\n  digest    sha256:' + 'b'.repeat(64) + '\ndeployed: a in 2ms\n  release   r000000000000\n  changed   800 kB, +7 kB\n';
  expect(normalised(one)).toBe(normalised(other));
});

it.each([['failed'], ['  release   no'], ['0 failed']])('but not those that say something else: %s', (text) => {
  expect(normalised('$ x\ndeployed: a in 1.0s\n  release   rf40c6b0ad932\n')).not.toBe(normalised(`$ x\ndeployed: a in 1.0s\n${text}\n`));
});

it('reads and replaces the block behind the mark', () => {
  const readme = '# A\n\n<!-- what a stranger sees: written by e2e/stranger.way.e2e.spec.ts -->\n\n```\nold $& \n```\n\nrest\n```\nother\n```\n';
  expect(shownIn(readme)).toBe('old $& \n');
  expect(withShown(readme, 'new $&\n')).toBe(readme.replace('old $& ', () => 'new $&'));
  expect(() => shownIn('# A\n')).toThrow(/no block/);
});
