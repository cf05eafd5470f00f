import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { temporaryFolder, until } from '../../../shell/programs.spec-support.js';
import type { DeployError } from '../../../errors.js';
import { openBlobs } from '../../blobs/index.js';
import { storeLayer, type Entry } from '../../layer/index.js';
import type { Digest } from '../../oci.js';
import { siteIn, type Texts } from './oci.spec-support.js';
import { smokeImport, type SmokeImport } from './smoke.js';
import { smokedOnce } from './smoked.js';

const root = temporaryFolder('loaded');
const store = openBlobs(join(root, 'store'));
const site = () => siteIn(root, { store });

async function smoke(texts: Texts | readonly Texts[], more: Partial<SmokeImport> = {}, at = site()): Promise<readonly string[]> {
  const layers: Digest[] = [];
  for (const layer of Array.isArray(texts) ? texts as readonly Texts[] : [texts as Texts]) {
    const entries = Object.entries(layer).map(([path, text]): Entry => ({ path, type: 'file', mode: 0o644, source: Buffer.from(text) }));
    layers.push((await storeLayer(store, entries)).digest);
  }
  return smokeImport({ platform: { os: 'linux', architecture: 'amd64' }, layers, workingDirectory: '/app', entry: 'main.js', env: {}, limit: 10_000, ...more }, at);
}

const failed = (texts: Texts | readonly Texts[], more: Partial<SmokeImport> = {}): Promise<DeployError> => smoke(texts, more).then(() => { throw new Error('it passed'); }, (error: unknown) => error as DeployError);
const left = (): string[] => readdirSync(root).filter((name) => name.startsWith('nx-deploy-smoke-'));

afterEach(() => expect(left()).toEqual([]));

describe('what cannot be loaded', () => {
  const cases: readonly (readonly [name: string, texts: Texts, parts: object, entry: string | undefined])[] = [
    ['a module that CommonJS misses', { 'app/main.js': 'require("./lib/a.js")', 'app/lib/a.js': 'require("left-pad")' }, { where: '/app/lib/a.js', why: "Cannot find module 'left-pad'" }, undefined],
    ['a module that ESM misses', { 'app/main.mjs': 'import "./a.mjs"; ', 'app/a.mjs': 'import "left-pad";' }, { where: '/app/a.mjs', why: "Cannot find package 'left-pad' imported from /app/a.mjs" }, 'main.mjs'],
    ['a file that ESM misses', { 'app/package.json': '{"type":"module"}', 'app/main.js': 'import "./gone.js"' }, { where: '/app/main.js', why: "Cannot find module '/app/gone.js' imported from /app/main.js" }, undefined],
    ['a source with a wrong syntax', { 'app/main.js': 'require("./b.js")', 'app/b.js': '\nconst = 1;' }, { where: '/app/b.js:2', why: "SyntaxError: Unexpected token '='" }, undefined],
    ['an ESM source with a wrong syntax', { 'app/main.mjs': 'import "./b.mjs"', 'app/b.mjs': 'const = 1;' }, { where: '/app/b.mjs:1' }, 'main.mjs'],
    ['a name that a module does not export', { 'app/main.mjs': 'import { b } from "./b.mjs"', 'app/b.mjs': 'export const a = 1;' }, { where: '/app/main.mjs:1' }, 'main.mjs'],
    ['a path that a package does not export', { 'app/main.js': 'require("p/inner")', 'app/node_modules/p/package.json': '{"exports":{".":"./i.js"}}' }, { where: '/app/main.js' }, undefined],
    ['a module that is loaded after the service connects', { 'app/main.js': 'require("node:net").connect(5432, "127.0.0.1"); require("later");' }, { where: '/app/main.js', why: "Cannot find module 'later'" }, undefined],
    ['a module that is loaded by a function that runs on', { 'app/main.js': 'setTimeout(() => require("later"), 100);' }, { where: '/app/main.js', why: "Cannot find module 'later'" }, undefined],
    ['a module whose absence the service prints', { 'app/main.js': 'import("later").catch((error) => { console.error(error); process.exit(1); });' }, { where: '/app/main.js' }, undefined],
    ['a native module of another system', { 'app/main.js': 'require("./x.node")', 'app/x.node': 'MZ not of this system, and long enough to be looked at as a header of some program or other' }, { where: '/app/main.js' }, undefined],
    ['an entry that is not there', { 'app/other.js': '' }, { where: '/app/main.js', why: 'there is no such file in the image' }, undefined],
  ];
  it.each(cases)('%s', async (_name, texts, parts, entry = 'main.js') => {
    const { code, parts: found } = await failed(texts, { entry });
    expect(code).toBe('ND-IMAGE-SMOKE');
    expect(found).toMatchObject(parts);
    expect(JSON.stringify(found)).not.toContain(tmpdir());
  });

  it('tells how to bring the module along', async () => {
    expect((await failed({ 'app/main.js': 'require("left-pad")' })).parts.next).toContain('make left-pad part of');
  });
});

describe('what is fine', () => {
  const cases: readonly (readonly [name: string, text: string, entry: string | undefined])[] = [
    ['a service that listens', 'require("node:http").createServer().listen(process.env.PORT, () => { throw new Error("it listened"); });', undefined],
    ['an ESM service that listens', 'import { createServer } from "node:http"; createServer().listen(0);', 'main.mjs'],
    ['one that awaits its database', 'import { connect } from "node:net"; await new Promise((done) => connect(1, "127.0.0.1", done).on("error", () => process.exit(3)));', 'main.mjs'],
    ['one that connects when it is loaded', 'require("node:net").connect(1, "127.0.0.1").on("error", () => process.exit(3)); setInterval(() => {}, 1000);', undefined],
    ['one that looks a host up', 'import { promises } from "node:dns"; await promises.resolveSrv("_mongodb._tcp.db.invalid");', 'main.mjs'],
    ['one that fetches', 'await fetch("http://127.0.0.1:5432/");', 'main.mjs'],
    ['a worker that only waits', 'setInterval(() => {}, 1000);', undefined],
    ['a job that is done at once', 'console.log("done")', undefined],
    ['one that is only loaded once', 'const { existsSync, writeFileSync } = require("node:fs"); if (existsSync("once")) { require("twice"); } writeFileSync("once", ""); require("node:net").createServer().listen(0);', undefined],
    ['one that is where it thinks it is', 'if (process.argv[1] !== __filename || process.cwd() !== __dirname) require("elsewhere"); require("node:net").createServer().listen(0);', undefined],
    ['one that reads its standard input', 'if (require("node:fs").readFileSync(0).length > 0) require("told"); process.stdin.resume().on("end", () => require("node:net").createServer().listen(0));', undefined],
    ['one that starts itself once more', 'if (process.argv[2] !== "child") require("node:child_process").fork(__filename, ["child"]).on("exit", (_, signal) => (signal === null ? require("node:net").createServer().listen(0) : require(signal)));', undefined],
    ['one that starts when it is the main module', 'if (require.main === module) require("node:net").createServer().listen(0); else require("not-main");', undefined],
  ];
  it.each(cases)('%s', async (_name, text, entry = 'main.js') => {
    expect(await smoke({ [`app/${entry}`]: text }, { entry })).toEqual([]);
  });

  it('one whose modules lie in a layer below, under names that need a long header', async () => {
    const long = `${'n'.repeat(120)}/\u00e9${'m'.repeat(90)}.js`;
    expect(await smoke([{ [`app/node_modules/${long}`]: 'exports.a = 1;', 'app/node_modules/x/old.js': '' }, { 'app/main.js': `if (require("${long}").a !== 1) require("gone");` }])).toEqual([]);
  });
});

describe('what is told', () => {
  it('the end for a missing variable, with the last line', async () => {
    const [note, ...more] = await smoke({ 'app/main.js': 'if (!process.env.DATABASE_URL) { console.error("DATABASE_URL is missing\\u001b[31m"); process.exit(1); }' });
    expect(note).toBe('the smoke import of main.js (linux/amd64) ended by itself (exit code 1): DATABASE_URL is missing\\u001b[31m; all that it loaded until then is in the image');
    expect(more).toEqual([]);
    expect(await smoke({ 'app/main.js': 'throw new TypeError("no DATABASE_URL\\nat all")' })).toEqual([expect.stringContaining('(exit code 1): TypeError: no DATABASE_URL; ')]);
    expect(await smoke({ 'app/main.js': 'JSON.parse(process.env.SETTINGS ?? "")' })).toEqual([expect.stringContaining('SyntaxError: Unexpected end of JSON input')]);
  });

  it('a loop without an end, at the time limit, with what it started', async () => {
    const file = join(root, 'child');
    const text = `require("node:child_process").spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" }).pid; require("node:fs").writeFileSync(${JSON.stringify(file)}, ""); for (;;);`;
    expect(await smoke({ 'app/main.js': text }, { limit: 800 })).toEqual([expect.stringContaining('was still loading after 0.8 s')]);
    expect(existsSync(file)).toBe(true);
  });

  it('100 MB of output costs neither memory nor many events', async () => {
    const at = site();
    const before = process.memoryUsage().rss;
    await smoke({ 'app/main.js': 'const line = "x".repeat(99999) + "\\n"; for (let i = 0; i < 1000; i += 1) require("node:fs").writeSync(1, line); process.exit(4);' }, {}, at);
    expect(at.events.filter(({ type }) => type === 'output')).toHaveLength(100);
    expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1024 * 1024);
  });

  it('that there is no entry, when the image has a command of its own', async () => {
    expect(await smoke({ 'app/other.js': '' }, { otherCommand: true })).toEqual([expect.stringContaining('no smoke import for linux/amd64')]);
  });
});

it('gives the service no variable of the command but the PATH, and those of the image', async () => {
  const file = join(root, 'environment');
  const env = { GREETING: 'a $(id) `id` "b"\n\u00e9', NODE_OPTIONS: '--require /gone.js', LD_PRELOAD: '/gone.so', PORT: '80' };
  await smoke({ 'app/main.js': `require("node:fs").writeFileSync(${JSON.stringify(file)}, JSON.stringify(process.env))` }, { env });
  const seen = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>;
  expect({ ...seen, PATH: 'x' }).toEqual({ GREETING: env.GREETING, NODE_ENV: 'production', PATH: 'x', PORT: '0' });
});

it('ends with the command, at once', async () => {
  const controller = new AbortController();
  const started = join(root, 'started');
  const work = smoke({ 'app/main.js': `require("node:fs").writeFileSync(${JSON.stringify(started)}, ""); for (;;);` }, {}, siteIn(root, { store, signal: controller.signal }));
  const caught = work.catch((error: unknown) => error as DeployError);
  await until('it runs', () => existsSync(started));
  controller.abort();
  expect(((await caught) as DeployError).code).toBe('ND-CANCELLED');
});

it('is not done again for the same layers, but for a failure', async () => {
  const count = join(root, 'count');
  const { digest } = await storeLayer(store, [{ path: 'app/main.js', type: 'file', mode: 0o644, source: Buffer.from(`require("node:fs").appendFileSync(${JSON.stringify(count)}, "x"); process.exit(5);`) }]);
  const one: SmokeImport = { platform: { os: 'linux', architecture: 'amd64' }, layers: [digest], workingDirectory: '/app', entry: 'main.js', env: {}, limit: 10_000 };
  writeFileSync(count, '');
  const first = await smokedOnce(one, site());
  expect(await smokedOnce(one, site())).toEqual(first);
  expect(first).toEqual([expect.stringContaining('exit code 5')]);
  expect(readFileSync(count, 'utf8')).toBe('x');
  await smokedOnce({ ...one, env: { A: '1' } }, site());
  expect(readFileSync(count, 'utf8')).toBe('xx');
});

describe('modules that lie unpacked in the store', () => {
  /** Enough to be worth it. */
  const heavy = randomBytes(1_100_000).toString('hex');
  const copies = (): string[] => readdirSync(join(store.folder, 'unpacked')).sort();
  const layer = async (texts: Texts): Promise<Digest> => (await storeLayer(store, Object.entries(texts).map(([path, text]): Entry => ({ path, type: 'file', mode: 0o644, source: Buffer.from(text) })))).digest;
  const loads = (layers: readonly Digest[]): Promise<readonly string[]> => smokeImport({ platform: { os: 'linux', architecture: 'amd64' }, layers, workingDirectory: '/app', entry: 'main.js', env: {}, limit: 10_000 }, site());

  it('are not unpacked again for another change of the service, unless somebody wrote there', async () => {
    const modules = await layer({ 'app/node_modules/a/index.js': 'module.exports = require("b")', 'app/node_modules/b/index.js': `module.exports = 1; // ${heavy}` });
    const main = (text: string): Promise<Digest> => layer({ 'app/main.js': text });
    expect(await loads([modules, await main('if (require("a") !== 1) require("gone");')])).toEqual([]);
    // Were it unpacked again, this would show.
    const blob = store.pathOf(modules);
    rmSync(blob);
    writeFileSync(blob, Buffer.alloc(1_500_000));
    expect(await loads([modules, await main('require("a"); require("node:net").createServer().listen(0);')])).toEqual([]);
    const copy = join(store.folder, 'unpacked', modules.slice('sha256:'.length), 'root/app/node_modules');
    expect(statSync(join(copy, 'a/index.js')).mode & 0o222).toBe(0);
    mkdirSync(join(copy, 'gone'));
    await expect(loads([modules, await main('require("gone/../a")')])).rejects.toMatchObject({ code: 'ND-IMAGE-INVALID' });
  });

  it('say nothing against a module of theirs that needs one of another layer', async () => {
    const modules = await layer({ 'app/node_modules/a/index.js': `module.exports = require("lib"); // ${heavy}1` });
    const texts = { 'app/main.js': 'if (require("a") !== 7) process.exit(9);', 'app/node_modules/lib/index.js': 'module.exports = 7;' };
    const before = copies().length;
    expect(await loads([modules, await layer(texts)])).toEqual([]);
    expect(copies()).toHaveLength(before + 1);
    const { 'app/main.js': main } = texts;
    await expect(loads([modules, await layer({ 'app/main.js': main })])).rejects.toMatchObject({ code: 'ND-IMAGE-SMOKE', parts: { where: '/app/node_modules/a/index.js', why: "Cannot find module 'lib'" } });
  });

  it('find nothing that lies beside the store', async () => {
    const modules = await layer({ 'app/node_modules/a/index.js': `require("beside"); // ${heavy}2` });
    const beside = join(store.folder, 'node_modules/beside');
    mkdirSync(beside, { recursive: true });
    writeFileSync(join(beside, 'index.js'), '');
    try {
      await expect(loads([modules, await layer({ 'app/main.js': 'require("a")' })])).rejects.toMatchObject({ code: 'ND-IMAGE-SMOKE' });
    } finally {
      rmSync(join(store.folder, 'node_modules'), { recursive: true });
    }
  });

  it('lack what is hardly ever loaded, and a module that does load it is judged by real files', async () => {
    const read = 'require("node:fs").readFileSync(require("node:path").join(__dirname, "TEXT.md"))';
    const modules = await layer({ 'app/node_modules/a/index.js': `${read}; // ${heavy}4`, 'app/node_modules/a/TEXT.md': 'text', 'app/node_modules/b/index.js': read });
    expect(await loads([modules, await layer({ 'app/main.js': 'require("a")' })])).toEqual([]);
    expect(readdirSync(join(store.folder, 'unpacked', modules.slice('sha256:'.length), 'root/app/node_modules/a'))).toEqual(['index.js']);
    const notes = await loads([modules, await layer({ 'app/main.js': 'require("b")' })]);
    expect(notes.join()).toContain('ENOENT');
  });

  it('lie below what other layers replace', async () => {
    const modules = await layer({ 'app/node_modules/a/index.js': `require("gone"); // ${heavy}3`, 'app/node_modules/b/index.js': '' });
    expect(await loads([modules, await layer({ 'app/main.js': 'require("a"); require("b");', 'app/node_modules/a/index.js': '' })])).toEqual([]);
  });
});
