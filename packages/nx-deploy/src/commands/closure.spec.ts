import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { maintenance, pause, resume } from './closure.js';
import { destroy } from './destroy.js';
import { MOST_BYTES, maintenancePage } from './maintenance-page.js';
import { status } from './status.js';
import { folderOf } from './tasks.spec-support.js';
import { get, Recorder, Workbench } from './workbench.spec-support.js';

let bench: Workbench;
let url: string | undefined;
beforeAll(async () => {
  bench = await Workbench.open();
  await bench.start();
  await bench.project();
});
afterAll(() => bench.close());

async function said(command: (context: ReturnType<Workbench['context']>) => Promise<{ readonly exitCode: number; readonly document: object }>): Promise<{ readonly exitCode: number; readonly document: object; readonly lines: readonly string[] }> {
  const output = new Recorder();
  return { ...await command(bench.context({}, output)), lines: output.lines };
}

const refused = (code: string) => ({ exitCode: 3, document: { outcome: 'refused', error: { code } } });

test('what was never deployed cannot be closed or opened', async () => {
  for (const command of [maintenance, pause, resume]) expect(await said((context) => command(context, {}))).toMatchObject(refused('ND-NOT-DEPLOYED'));
  ({ document: { url } } = await bench.deploy());
});

test.each([[{ wait: '30' }], [{ wait: '-1s' }], [{ wait: '' }]])('pause %j has no duration', async (options) => {
  expect(await said((context) => pause(context, options))).toMatchObject(refused('ND-OPTION-INVALID'));
});

test.each([
  [{ retryAfter: 'soon' }, /--retryAfter=soon is no duration/],
  [{ page: 'none.html' }, /--page=none\.html cannot be read/],
  [{ page: 'folder.html' }, /cannot be read/],
  [{ page: 'page.md' }, /no ending that is known/],
  [{ page: 'big.html' }, /too large/],
  [{ page: 'binary.html' }, /no text/],
  [{ page: 'page.html', message: 'both' }, /exclude each other/],
  [{ message: 'x'.repeat(MOST_BYTES + 1) }, /too long/],
])('maintenance %#: an option that cannot be used closes nothing', async (options, what) => {
  await mkdir(join(bench.root, 'folder.html'), { recursive: true });
  await bench.write('page.html', '<p>page</p>');
  await bench.write('page.md', 'page');
  await bench.write('big.html', 'x'.repeat(MOST_BYTES + 1));
  await writeFile(join(bench.root, 'binary.html'), Buffer.from([0xff, 0xfe, 0x00]));
  const result = await said((context) => maintenance(context, options));
  expect(result).toMatchObject(refused('ND-OPTION-INVALID'));
  expect(JSON.stringify(result.document)).toMatch(what);
  expect(await get(url)).toMatchObject({ status: 200 });
});

test('the largest page is taken, by its ending, as it is', async () => {
  await bench.write('most.txt', 'x'.repeat(MOST_BYTES));
  expect(await maintenancePage({ page: 'most.txt' }, bench.root)).toEqual({ page: 'x'.repeat(MOST_BYTES), contentType: 'text/plain; charset=utf-8' });
  await bench.write('page.json', '{"error":"\u00fc"}');
  expect(await maintenancePage({ page: join(bench.root, 'page.json') }, '/elsewhere')).toEqual({ page: '{"error":"\u00fc"}', contentType: 'application/json' });
});

test('a message stands in a page of its own and cannot bring markup along', async () => {
  expect(await said((context) => maintenance(context, { message: 'Back at <b>noon</b> & "later"', retryAfter: '1500ms' }))).toMatchObject({
    exitCode: 0, document: { outcome: 'done', exitCode: 0, action: 'maintenance', service: 'api', environment: 'staging', url, now: { type: 'maintenance' } },
  });
  const response = await fetch(`${url ?? ''}/version`);
  expect([response.status, response.headers.get('content-type'), response.headers.get('retry-after')]).toEqual([503, 'text/html; charset=utf-8', '2']);
  expect(await response.text()).toContain('<p>Back at &#60;b&#62;noon&#60;/b&#62; &#38; &#34;later&#34;</p>');
});

test('a pause takes its place, and status tells who did it and how to end it', async () => {
  const { lines, document } = await said((context) => pause(context, { wait: '50ms' }));
  expect(lines).toEqual([
    `paused: api staging at ${url ?? ''}; new requests wait, each at most 50ms, then they get 503`,
    expect.stringMatching(/^ {2}replaces {2}it was under maintenance since \d{4}-\S+Z by .+@.+$/),
    '  end it    nx run api:resume --configuration=staging',
  ]);
  expect(document).toMatchObject({ before: { type: 'maintenance' }, now: { type: 'paused' } });
  expect(await get(url)).toMatchObject({ status: 503 });
  const shown = await said((context) => status(context, {}));
  expect(shown.document).toMatchObject({ closed: { type: 'paused', by: expect.stringContaining('@') } });
  expect(shown.lines).toEqual(expect.arrayContaining([expect.stringMatching(/^paused: new requests wait, since .+ by .+@/), '  end it    nx run api:resume --configuration=staging']));
});

test('resume ends it once; a second one has nothing to end', async () => {
  expect(await said((context) => resume(context, {}))).toMatchObject({ exitCode: 0, document: { outcome: 'done', before: { type: 'paused' } }, lines: [expect.stringMatching(/^open again: api staging at .+; it was paused since/)] });
  expect(await get(url)).toMatchObject({ status: 200 });
  expect(JSON.parse(await readFile(join(folderOf(bench), 'service.json'), 'utf8'))).not.toHaveProperty('closed');
  expect(await said((context) => resume(context, {}))).toMatchObject({ exitCode: 0, document: { outcome: 'unchanged' }, lines: [`nothing to end: api staging is open at ${url ?? ''}`] });
});

test('a deploy leaves it on, and destroy ends it', async () => {
  await maintenance(bench.context(), {});
  await bench.build('2');
  expect((await bench.deploy()).document.outcome).toBe('done');
  expect(await get(url)).toMatchObject({ status: 503 });
  await destroy(bench.context(), { confirm: 'api' });
  expect(await said((context) => resume(context, {}))).toMatchObject(refused('ND-NOT-DEPLOYED'));
  const again = await bench.deploy();
  expect(await get(again.document.url)).toMatchObject({ status: 200 });
});
