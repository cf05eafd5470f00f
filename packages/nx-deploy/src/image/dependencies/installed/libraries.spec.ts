import { workspace, type Fixture } from '../dependencies.spec-support.js';
import { libraryFiles } from './libraries.js';

/** Paths of the library `@ws/lib` in the image of a service that loads it. */
async function shipped(manifest: object, files: readonly string[]): Promise<string[]> {
  const fixture = workspace();
  fixture.write({ 'libs/lib/package.json': JSON.stringify(manifest), ...Object.fromEntries(files.map((file) => [`libs/lib/${file}`, 'x'])), 'main.js': 'import("@ws/lib/deep")' });
  return (await taken(fixture, { '@ws/lib': 'libs/lib' })).map((path) => path.replace('node_modules/@ws/lib/', ''));
}

async function taken({ root }: Fixture, libraries: Readonly<Record<string, string>>): Promise<string[]> {
  const own = { path: 'main.js', source: `${root}/main.js`, mode: 0o644 as const, size: 1, sha256: '' };
  return (await libraryFiles(root, new Map(Object.entries(libraries)), [own])).map(({ path }) => path).sort();
}

describe('a library in the image', () => {
  it('brings what npm would publish', async () => {
    const files = ['dist/index.js', 'dist/a.spec.js', 'dist/a.d.ts', 'src/index.ts', 'assets/x.txt', 'assets/internal/y.txt', 'README.md', 'tsconfig.lib.json', '.npmrc', 'node_modules/z/index.js'];
    expect(await shipped({ main: 'dist/index.js' }, files)).toEqual(['README.md', 'assets/internal/y.txt', 'assets/x.txt', 'dist/a.d.ts', 'dist/index.js', 'package.json']);
    expect(await shipped({ main: 'dist/index.js', files: ['/dist/', './assets', '!assets/internal', 7] }, files)).toEqual(['assets/x.txt', 'dist/a.d.ts', 'dist/index.js', 'package.json']);
    expect(await shipped({ main: 'dist/index.js', files: 'dist' }, files)).toContain('README.md');
  });

  it.each<[string, object]>([
    ['main', { main: './dist/index.js' }], ['main without its ending', { main: 'dist/index' }], ['one file', { exports: './dist/index.js' }], ['conditions', { exports: { '.': { types: './dist/a.d.ts', browser: './no.js', node: { import: './dist/index.js' } } } }],
    ['conditions without paths', { exports: { require: './dist/index.js' } }], ['a condition that leads nowhere', { exports: { '.': { node: null, default: './dist/index.js' } } }],
  ])('is whole when its entry is there: %s', async (_name, manifest) => {
    expect(await shipped(manifest, ['dist/index.js'])).toEqual(['dist/index.js', 'package.json']);
  });

  it.each<[string, object, string]>([
    ['main', { main: 'lib.js' }, 'lib.js'], ['nothing that names it', {}, 'index.js'], ['exports', { exports: { '.': { default: './src/index.ts' } } }, 'src/index.ts'], ['main in TypeScript', { main: './src/index.ts' }, 'src/index.ts'],
    ['exports without a condition of Node', { exports: { '.': { browser: './dist/index.js' } } }, 'index.js'],
  ])('is refused when its entry is missing: %s', async (_name, manifest, entry) => {
    await expect(shipped(manifest, ['dist/other.js', 'src/index.ts'])).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { why: `its package.json names "${entry}", which is not there, or is TypeScript`, next: expect.stringContaining('dependsOn') as string } });
  });

  it('is taken when the code names it, and so are those that it names in turn', async () => {
    const fixture = workspace();
    const lib = (name: string, text: string): Record<string, string> => ({ [`libs/${name}/package.json`]: '{}', [`libs/${name}/index.js`]: text });
    fixture.write({ ...lib('a', 'require(`b`)'), ...lib('b', 'require("c/x")'), ...lib('c', ''), ...lib('d', ''), 'main.js': 'require(\'a\'); "dd"; d' });
    expect(await taken(fixture, { a: 'libs/a', b: 'libs/b', c: 'libs/c', d: 'libs/d' })).toEqual(['a', 'b', 'c'].flatMap((name) => [`node_modules/${name}/index.js`, `node_modules/${name}/package.json`]));
  });
});
