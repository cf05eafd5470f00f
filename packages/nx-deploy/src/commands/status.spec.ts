import { appendFile, cp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { keyName } from '../releases/index.js';
import type { CommandResult } from './result.js';
import { status, type StatusOptions } from './status.js';
import { deployFile, Recorder, Workbench } from './workbench.spec-support.js';

let bench: Workbench;
beforeAll(async () => {
  bench = await Workbench.open();
  await bench.start();
  await bench.project(deployFile({ environments: { staging: { instances: 2 } } }));
});
afterAll(() => bench.close());

async function show(options: StatusOptions = {}, environment: string | undefined = 'staging'): Promise<CommandResult & { readonly output: Recorder }> {
  const output = new Recorder();
  return { ...await status(bench.context({ environment }, output), options), output };
}

test('of what was never deployed', async () => {
  const shown = await show();
  expect(shown).toMatchObject({ exitCode: 0, document: { outcome: 'done', exitCode: 0, deployed: false } });
  expect(shown.output.lines).toEqual(['api staging on local: never deployed']);
});

test('with targets that a script replaces, by the names that they have in this workspace', async () => {
  const files = { 'apps/api/package.json': { scripts: { ship: 'x', deploy: 'y', package: 'z' } }, 'nx.json': { plugins: [{ plugin: 'nx-deploy/plugin', options: { targetNames: { deploy: 'ship' } } }] } };
  for (const [file, content] of Object.entries(files)) await writeFile(join(bench.root, file), JSON.stringify(content));
  const { output } = await show();
  for (const file of Object.keys(files)) await rm(join(bench.root, file));
  expect(output.lines.filter((line) => line.startsWith('warning:'))).toEqual(['warning: the script ship of package.json replaces the target ship of nx-deploy; rename one of them']);
});

test('without an environment the known ones are named', async () => {
  const output = new Recorder();
  const result = await status({ ...bench.context({}, output), environment: undefined }, {});
  expect(result).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-ENVIRONMENT-UNKNOWN' } } });
  expect(JSON.stringify(result.document)).toContain('staging');
});

test('of what runs, as text and as a document', async () => {
  const { document: deployed } = await bench.deploy();
  const file = join(bench.folder, 'status.json');
  const shown = await show({ verify: true, outputFile: file });
  expect(await bench.json(file)).toEqual(shown.document);
  expect(shown.document).toMatchObject({ outcome: 'done', live: deployed.release, url: deployed.url, ledger: { ok: true, entries: 2, head: deployed.ledgerHead } });
  const { lines, text } = shown.output;
  expect(lines[0]).toBe(`api staging on local: ${deployed.release ?? ''} is live at ${deployed.url ?? ''}`);
  expect(text).toMatch(new RegExp(`^${deployed.release ?? ''} +web +100% +2 +2 +0`, 'm'));
  expect(text).toMatch(/^web\.2 +r[0-9a-f]{12} +ready +\d+ +\d+ +0/m);
  expect(text).toMatch(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z +r[0-9a-f]{12} +deploy +done +1\.0\.0 .*live$/m);
  expect(lines.at(-1)).toBe(`ledger: 2 entries, whole, head ${deployed.ledgerHead?.slice(0, 16) ?? ''}`);
  expect(text).toMatch(/^[\n\x20-\x7e]*$/);
});

test('a script that takes the place of a target is a warning', async () => {
  await bench.write('apps/api/package.json', { name: 'api', version: '1.0.0', scripts: { deploy: 'true', start: 'true' } });
  expect((await show()).output.lines.at(-1)).toBe('warning: the script deploy of package.json replaces the target deploy of nx-deploy; rename one of them');
});

test('a live service of which the ledger was deleted is not whole, before the next change and after it', async () => {
  const folder = join(bench.home.services, keyName({ workspace: 'acme', environment: 'staging', service: 'api' }), 'ledger');
  await cp(folder, `${folder}.kept`, { recursive: true });
  await rm(folder, { recursive: true });
  expect((await show()).output.text).toMatch(/^ledger: BROKEN, .*ledger: all of its entries are gone, .*; restore the folder from a backup, or go on/m);
  expect(await show({ verify: true })).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-STATE-DAMAGED', why: expect.stringContaining(folder), next: expect.stringContaining('restore') } } });
  await bench.build('2');
  expect((await bench.deploy()).document.outcome).toBe('done');
  expect(await show({ verify: true })).toMatchObject({ exitCode: 3, document: { error: { why: expect.stringContaining('entry 1 is missing') } } });
  await rm(folder, { recursive: true });
  await rename(`${folder}.kept`, folder);
  expect(await show({ verify: true })).toMatchObject({ exitCode: 0 });
});

test('a ledger that was changed is shown, and an error with --verify', async () => {
  await appendFile(join(bench.home.services, keyName({ workspace: 'acme', environment: 'staging', service: 'api' }), 'ledger', '000001.jsonl'), '{"kind":"end"}\n');
  const shown = await show();
  expect(shown.exitCode).toBe(0);
  expect(shown.output.text).toContain('ledger: BROKEN,');
  expect(await show({ verify: true })).toMatchObject({ exitCode: 3, document: { outcome: 'refused', error: { code: 'ND-STATE-DAMAGED', why: expect.stringContaining('000001.jsonl:3') } } });
});

test('a damaged journal is refused with its file', async () => {
  const file = join(bench.home.services, keyName({ workspace: 'acme', environment: 'staging', service: 'api' }), 'journal.json');
  await writeFile(file, '{');
  expect(await show()).toMatchObject({ exitCode: 3, document: { error: { code: 'ND-STATE-DAMAGED', where: file } } });
});
