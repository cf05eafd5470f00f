import { execFileSync } from 'node:child_process';
import { readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathsOf, workspace, type Fixture } from '../dependencies.spec-support.js';
import { readMessages } from './esbuild.js';

const DIST = 'apps/api/dist';

/** A workspace that has esbuild, as its owner installed it. */
function withEsbuild(): Fixture {
  const fixture = workspace();
  fixture.write({ 'node_modules/.keep': '', 'package.json': '{}' });
  symlinkSync(dirname(require.resolve('esbuild/package.json')), join(fixture.root, 'node_modules/esbuild'));
  return fixture;
}

async function outputOf(fixture: Fixture, entry = 'main.js'): Promise<{ readonly text: string; readonly map: string; readonly printed: string }> {
  const files = await fixture.collect({ dependencies: 'bundle', entry });
  const entries = await files.layers[0]?.entries() ?? [];
  const [script, map] = entries.map((one) => (one.type === 'file' && typeof one.source === 'string' ? one.source : ''));
  const printed = execFileSync(process.execPath, [script ?? ''], { encoding: 'utf8', cwd: '/' });
  const result = { text: readFileSync(script ?? '', 'utf8'), map: readFileSync(map ?? '', 'utf8'), printed };
  await files.close();
  return result;
}

describe('one file', () => {
  it('holds all that a CommonJS entry loads, and nothing of where it was made', async () => {
    const fixture = withEsbuild();
    fixture.write({ [`${DIST}/main.js`]: 'console.log(require("third")(2), __filename.endsWith("main.cjs"))', 'node_modules/third/index.js': 'module.exports = (n) => n * 21' });
    const files = await fixture.collect({ dependencies: 'bundle' });
    expect(files).toMatchObject({ entry: 'main.cjs', workingDirectory: '/app', warnings: [] });
    expect(await pathsOf(files.layers[0])).toEqual(['app/main.cjs', 'app/main.cjs.map']);
    await files.close();
    const one = await outputOf(fixture);
    expect(one.printed).toBe('42 true\n');
    expect(one.text + one.map).not.toContain('nx-deploy-');
    const other = withEsbuild();
    other.write({ [`${DIST}/main.js`]: 'console.log(require("third")(2), __filename.endsWith("main.cjs"))', 'node_modules/third/index.js': 'module.exports = (n) => n * 21' });
    const again = await other.collect({ dependencies: 'bundle' });
    expect(again.layers.map(({ key }) => key)).toEqual(files.layers.map(({ key }) => key));
    await again.close();
  });

  it('runs as an ES module, whatever names the code has for itself', async () => {
    const fixture = withEsbuild();
    fixture.write({
      'apps/api/package.json': '{"type":"module"}',
      [`${DIST}/main.js`]: 'import { createRequire } from "node:module"; import third from "third"; const require = createRequire(import.meta.url); const __dirname = "mine";\nconsole.log(__dirname, third.where, third.os === require("os"), await 1);',
      'node_modules/third/index.js': 'exports.os = require("os"); exports.where = require("path").basename(__filename);',
    });
    const one = await outputOf(fixture);
    expect(one.printed).toBe('mine main.mjs true 1\n');
    expect(one.text + one.map).not.toMatch(/nx-deploy-(?:bundle|dependencies)/);
  });

  it('is refused with everything that stands against it at once', async () => {
    const fixture = withEsbuild();
    fixture.write({
      [`${DIST}/main.js`]: 'for (const n of ["addon", "gyp", "dynamic", "worker", "thread-stream"]) ; require("addon"); require("gyp"); require("dynamic"); require("worker"); require("pino"); require("./gone")',
      'node_modules/addon/index.js': 'module.exports = require("./x.node")', 'node_modules/addon/x.node': 'x',
      'node_modules/gyp/index.js': 'require("node-gyp-build")(__dirname)', 'node_modules/node-gyp-build/index.js': 'module.exports = () => 1',
      'node_modules/dynamic/index.js': 'module.exports = (name) => require(name)',
      'node_modules/worker/index.js': 'const { Worker } = require("node:worker_threads"); module.exports = () => new Worker(__dirname + "/w.js")',
      'node_modules/pino/index.js': 'require("thread-stream")', 'node_modules/thread-stream/index.js': 'const { Worker } = require("worker_threads"); module.exports = () => new Worker("x")',
    });
    const error = await fixture.refusal({ dependencies: 'bundle' });
    expect(error.parts.problems?.[0]).toBe(`"${DIST}/main.js" line 1: Could not resolve "./gone"`);
    fixture.write({ [`${DIST}/gone.js`]: '' });
    const { code, parts } = await fixture.refusal({ dependencies: 'bundle' });
    expect(code).toBe('ND-BUNDLE-FORBIDDEN');
    expect(parts.problems).toEqual([
      'package "addon", "node_modules/addon/x.node": it is a native addon',
      'package "dynamic", "node_modules/dynamic/index.js" line 1: it loads a module whose name is only known when it runs',
      'package "node-gyp-build": it loads native addons',
      'package "thread-stream": it starts worker threads from files; the transports of pino run in it',
      'package "worker", "node_modules/worker/index.js": it starts worker threads from files',
    ]);
    expect(parts.next).toContain('"traced" or "installed"');
  });

  it('reads what esbuild prints', () => {
    expect(readMessages(['X [ERROR] Could not resolve "a[b]"', '', '    a b/c.js:12:3:', '      12 | x', '', 'W [WARNING] Text [some-id]', '', 'end'])).toEqual([
      { kind: 'error', text: 'Could not resolve "a[b]"', file: 'a b/c.js', line: 12 }, { kind: 'warning', text: 'Text', id: 'some-id' },
    ]);
  });
});
