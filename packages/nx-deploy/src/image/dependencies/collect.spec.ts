import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { collectImageFiles } from './collect.js';
import { ELSEWHERE, HERE, listing, makeLayers, workspace } from './dependencies.spec-support.js';
import { developmentFiles } from './development.js';
import { storedPackages } from './stored-packages.js';

const DIST = 'apps/api/dist';

describe('bundled', () => {
  it('parts the output into modules, assets and application', async () => {
    const { write, collect } = workspace();
    write({
      [`${DIST}/main.js`]: 'x', [`${DIST}/lib/a.js`]: 'x', [`${DIST}/assets/logo.svg`]: 'x', [`${DIST}/assets/.hidden`]: 'x', [`${DIST}/views/deep/a.html`]: 'x', [`${DIST}/a.html`]: 'x',
      [`${DIST}/node_modules/@scope/ms/index.js`]: 'x', [`${DIST}/node_modules/@scope/ms/package.json`]: '{"version":"1.2.3"}', [`${DIST}/node_modules/ms/assets/x.html`]: 'x',
      [`${DIST}/package.json`]: '{}',
    });
    const files = await collect({ assets: ['assets', './views/**/*.html'] });
    expect(await listing(files)).toEqual({
      modules: ['app/node_modules/@scope/ms/index.js', 'app/node_modules/@scope/ms/package.json', 'app/node_modules/ms/assets/x.html'],
      assets: ['app/assets/.hidden', 'app/assets/logo.svg', 'app/views/deep/a.html'],
      application: ['app/a.html', 'app/lib/a.js', 'app/main.js', 'app/package.json'],
    });
    expect(files.layers.map(({ kind }) => kind)).toEqual(['modules', 'assets', 'application']);
    expect(files).toMatchObject({ workingDirectory: '/app', entry: 'main.js', warnings: [] });
  });

  it('has keys of content alone, so that one change makes one layer again, and packages the same from files and from the store', async () => {
    const { root, write, collect, store } = workspace();
    write({ [`${DIST}/main.js`]: 'one', [`${DIST}/a.html`]: 'x', [`${DIST}/node_modules/ms/index.js`]: 'four', [`${DIST}/node_modules/ms/package.json`]: '{"version":"1.0.0"}' });
    const long = `${'x'.repeat(90)}/${'y'.repeat(180)}`;
    write({ [`${DIST}/node_modules/@a/long/${long}/\u00fc.js`]: 'long', [`${DIST}/node_modules/ms/node_modules/@a/long/index.js`]: 'nested' });
    const one = await collect({ assets: ['*.html'] });
    const [modules] = await makeLayers(one, store);
    const sizes = await one.layers[0]?.packages?.(modules?.digest ?? 'sha256:0');
    expect(sizes).toEqual([{ name: 'ms', version: '1.0.0', size: 23 }, { name: '@a/long', size: 10 }]);
    expect(await storedPackages(store, modules?.digest ?? 'sha256:0')).toEqual(sizes);
    cpSync(root, join(root, '../copy of it'), { recursive: true });
    try {
      utimesSync(join(root, '../copy of it', DIST, 'main.js'), 1, 1);
      const copy = join(root, '../copy of it');
      const same = await collect({ assets: ['*.html'], path: join(copy, DIST) }, HERE, { workspaceRoot: copy });
      expect(same.layers.map(({ key }) => key)).toEqual(one.layers.map(({ key }) => key));
      expect((await makeLayers(same, store)).map(({ made }) => made)).toEqual([false, false, false]);
    } finally {
      rmSync(join(root, '../copy of it'), { recursive: true });
    }
    write({ [`${DIST}/main.js`]: 'two' });
    expect((await makeLayers(await collect({ assets: ['*.html'] }), store)).map(({ made }) => made)).toEqual([false, false, true]);
    chmodSync(join(root, DIST, 'a.html'), 0o755);
    expect((await makeLayers(await collect({ assets: ['*.html'] }), store)).map(({ made }) => made)).toEqual([false, true, false]);
  });

  it('leaves out files of variables, and says so', async () => {
    const { write, collect } = workspace();
    write({ [`${DIST}/main.js`]: 'x', [`${DIST}/.env`]: 'SECRET=1', [`${DIST}/conf/.env.production`]: 'SECRET=1' });
    const files = await collect();
    expect(await listing(files)).toEqual({ application: ['app/main.js'] });
    expect(files.warnings.join()).toContain('".env"');
  });

  it('takes any name, and refuses what no image can hold', async () => {
    const { root, write, collect, store, refusal } = workspace();
    const names = ['new\nline', '; rm -rf', '$(x)', '\u{1f600}', '@at', '-rf', '...', 'back\\slash'];
    write({ [`${DIST}/main.js`]: 'x', ...Object.fromEntries(names.map((name) => [`${DIST}/${name}`, 'x'])) });
    expect(await listing(await collect())).toEqual({ application: [...names, 'main.js'].map((name) => `app/${name}`).sort() });
    write({ [`${DIST}/.wh.main.js`]: 'x' });
    await expect(makeLayers(await collect(), store)).rejects.toMatchObject({ code: 'ND-ARTIFACT-UNSAFE' });
    rmSync(join(root, DIST, '.wh.main.js'));
    symlinkSync('/etc/passwd', join(root, DIST, 'out'));
    execFileSync('mkfifo', [join(root, DIST, 'pipe')]);
    expect((await refusal()).parts.problems).toEqual(['"pipe": it is a named pipe']);
    rmSync(join(root, DIST, 'pipe'));
    const server = createServer().listen(join(root, DIST, 'socket'));
    await new Promise((done) => server.once('listening', done));
    expect((await refusal()).parts.problems).toEqual(['"socket": it is a socket']);
    await new Promise((done) => server.close(done));
    expect((await refusal()).parts.problems?.[0]).toContain('leaves the artifact');
    rmSync(join(root, DIST, 'out'));
    symlinkSync('nowhere', join(root, DIST, 'dangling'));
    expect((await collect()).warnings).toEqual(['the link "dangling" points to "nowhere", which is not part of the artifact']);
  });

  it('refuses a file that vanishes between list and layer', async () => {
    const { root, write, collect, store } = workspace();
    write({ [`${DIST}/main.js`]: 'x', [`${DIST}/a.js`]: 'x' });
    const files = await collect();
    rmSync(join(root, DIST, 'a.js'));
    await expect(makeLayers(files, store)).rejects.toMatchObject({ code: 'ND-ARTIFACT-CHANGED' });
  });

  it('refuses a file that is written again between list and layer, so that no other content has its key', async () => {
    const { write, collect, store } = workspace();
    write({ [`${DIST}/main.js`]: 'one' });
    const files = await collect();
    write({ [`${DIST}/main.js`]: 'two' });
    await expect(makeLayers(files, store)).rejects.toMatchObject({ code: 'ND-ARTIFACT-CHANGED' });
    write({ [`${DIST}/main.js`]: 'one' });
    expect((await makeLayers(files, store)).map(({ made }) => made)).toEqual([true]);
  });

  it('says what to do when there is no build', async () => {
    const { root, write, refusal, site, options } = workspace();
    expect(await refusal()).toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { next: expect.stringContaining('run the build first') as string } });
    mkdirSync(join(root, DIST), { recursive: true });
    expect(await refusal()).toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { why: 'it holds no "main.js"' } });
    write({ [`${DIST}/main.js`]: 'x' });
    expect((await refusal({ entry: 'dist/main.js' })).parts.why).toContain('artifact.entry is relative to artifact.path');
    expect(await refusal({ entry: '../package.json' })).toMatchObject({ code: 'ND-ARTIFACT-MISSING' });
    await expect(collectImageFiles(options(), HERE, { ...site(), workspaceRoot: join(root, 'apps/api/dist/..', 'dist') })).resolves.toBeDefined();
    mkdirSync(join(root, 'other'));
    expect(await refusal({}, HERE, { workspaceRoot: join(root, 'other') })).toMatchObject({ code: 'ND-ARTIFACT-UNSAFE' });
    write({ 'apps/api/outside.js': 'x' });
    expect(await refusal({ entry: '../outside.js' })).toMatchObject({ code: 'ND-ARTIFACT-UNSAFE' });
  });

  it('names addons of this machine in an image for another one', async () => {
    const { write, collect } = workspace();
    write({ [`${DIST}/main.js`]: 'x', [`${DIST}/node_modules/argon2/build/argon2.node`]: 'x' });
    expect((await collect()).warnings).toEqual([]);
    expect((await collect({}, ELSEWHERE)).warnings[0]).toContain('"argon2"');
    expect((await collect({ base: 'node:22-alpine' })).warnings[0]).toContain('musl');
  });
});

describe('traced', () => {
  it('keeps the layout of the workspace and parts it by whose the files are', async () => {
    const { root, write, collect } = workspace();
    write({
      'apps/api/package.json': '{"name":"api"}', [`${DIST}/main.js`]: 'require("lib"); require("third")', [`${DIST}/page.html`]: 'x',
      'libs/lib/package.json': '{"name":"lib","main":"dist/index.js"}', 'libs/lib/dist/index.js': 'require("third")',
      'node_modules/third/package.json': '{"name":"third","version":"2.0.0"}', 'node_modules/third/index.js': '', 'node_modules/unused/index.js': '',
    });
    symlinkSync('../libs/lib', join(root, 'node_modules/lib'));
    const files = await collect({ dependencies: 'traced', assets: ['**/*.html'] });
    expect(await listing(files)).toEqual({
      modules: ['app/node_modules/third/index.js', 'app/node_modules/third/package.json'],
      libraries: ['app/libs/lib/dist/index.js', 'app/libs/lib/package.json', 'app/node_modules/lib -> ../libs/lib'],
      assets: [`app/${DIST}/page.html`],
      application: [`app/${DIST}/main.js`, 'app/apps/api/package.json'],
    });
    expect(files).toMatchObject({ workingDirectory: '/app/apps/api', entry: 'dist/main.js' });
  });
});

describe('an ES module whose package.json lies beside the output', () => {
  it.each(['bundled', 'traced'] as const)('brings what says so: %s', async (dependencies) => {
    const { write, collect, store } = workspace();
    write({ 'apps/api/package.json': '{"name":"api","type":"module","version":"3.0.0"}', [`${DIST}/main.js`]: 'import "node:fs";', [`${DIST}/a.html`]: '' });
    const files = await collect({ dependencies, assets: ['*.html'] });
    const folder = dependencies === 'traced' ? 'app/apps/api' : 'app';
    expect(await listing(files)).toEqual({ assets: [`${folder}${dependencies === 'traced' ? '/dist' : ''}/a.html`], application: [dependencies === 'traced' ? `${folder}/dist/main.js` : `${folder}/main.js`, `${folder}/package.json`] });
    await makeLayers(files, store);
  });
});

describe('files for development', () => {
  it('are told with their sizes', () => {
    expect(developmentFiles([
      { path: 'app/node_modules/typescript/lib/tsc.js', size: 9 * 2 ** 20 }, { path: 'app/node_modules/@types/node/index.d.ts', size: 2 ** 20 },
      { path: 'app/src/a.spec.js', size: 10 }, { path: 'app/src/a.ts', size: 2048 }, { path: 'app/src/a.d.ts', size: 1 }, { path: 'app/main.js.map', size: 2 ** 30 },
      { path: 'app/node_modules/ms/readme.md', size: 100 }, { path: 'app/node_modules/big/dist/x.js.map', size: 6 * 2 ** 20 }, { path: 'app/main.js', size: 5 },
    ])).toEqual([
      'packages for development: typescript (9.0 MiB), @types/node (1.0 MiB), 10.0 MiB in all',
      'tests and their results of the service: 1 file, 10 B', 'TypeScript sources of the service: 1 file, 2.0 KiB', 'type declarations of the service: 1 file, 1 B',
      'source maps in node_modules: 1 file, 6.0 MiB',
    ]);
    expect(developmentFiles([{ path: 'app/main.js', size: 1 }])).toEqual([]);
  });
});

const soak = process.env['NX_DEPLOY_SOAK'] === '1' ? it : it.skip;
soak('50,000 files and one of 2 GB are listed with little memory', async () => {
  const { root, write, collect } = workspace();
  write({ [`${DIST}/main.js`]: 'x', [`${DIST}/large`]: '' });
  execFileSync('truncate', ['-s', '2G', join(root, DIST, 'large')]);
  for (let folder = 0; folder < 500; folder += 1) {
    mkdirSync(join(root, DIST, `node_modules/p${folder}`), { recursive: true });
    for (let file = 0; file < 100; file += 1) writeFileSync(join(root, DIST, `node_modules/p${folder}/f${file}.js`), `${folder} ${file}`);
  }
  const before = process.memoryUsage().rss;
  const files = await collect();
  expect(await files.layers[0]?.entries()).toHaveLength(50_000);
  expect(process.memoryUsage().rss - before).toBeLessThan(200 * 2 ** 20);
}, 300_000);
