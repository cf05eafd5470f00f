/** The program: where it is found, and what it may do instead of its work. */
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { siteIn } from '../../builders/oci/oci.spec-support.js';
import { bundleArguments, findEsbuild, readMessages, runEsbuild, type BundleRequest } from './esbuild.js';

const everything = temporaryFolder('esbuild');
const request = (root: string): BundleRequest => ({ entry: join(root, 'main.js'), format: 'cjs', outfile: join(root, 'out.cjs'), metafile: join(root, 'meta.json'), shim: join(root, 'shim.mjs') });

/** A workspace whose esbuild is this program. */
function workspace(program: string, mode = 0o755): string {
  const root = mkdtempSync(join(everything, 'w-'));
  mkdirSync(join(root, 'node_modules/esbuild/bin'), { recursive: true });
  writeFileSync(join(root, 'node_modules/esbuild/package.json'), '{ "name": "esbuild", "version": "0.0.0" }');
  writeFileSync(join(root, 'node_modules/esbuild/bin/esbuild'), program);
  chmodSync(join(root, 'node_modules/esbuild/bin/esbuild'), mode);
  return root;
}
const failure = (program: string, signal?: AbortSignal, mode?: number): Promise<unknown> => {
  const root = workspace(program, mode);
  return runEsbuild(request(root), root, siteIn(root, signal === undefined ? {} : { signal })).then(() => 'no error', (error: unknown) => error);
};

it('is that of the workspace, and started by Node as long as it is a script', async () => {
  const script = workspace('#!/usr/bin/env node\n');
  expect(await findEsbuild(script)).toEqual([process.execPath, join(script, 'node_modules/esbuild/bin/esbuild')]);
  const program = workspace('\x7fELF');
  expect(await findEsbuild(program)).toEqual([join(program, 'node_modules/esbuild/bin/esbuild')]);
  // Without one that of nx-deploy itself.
  expect((await findEsbuild(mkdtempSync(join(everything, 'none-')))).at(-1)).toMatch(/esbuild$/);
});

it('gives the messages of an entry that it cannot bundle, and no metafile', async () => {
  const root = workspace('#!/usr/bin/env node\nconsole.error("X [ERROR] Unexpected end of file\\n\\n    main.js:3:0:\\n"); process.exit(1);');
  expect(await runEsbuild(request(root), root, siteIn(root))).toEqual({ meta: undefined, messages: [{ kind: 'error', text: 'Unexpected end of file', file: 'main.js', line: 3 }] });
});

it.each<[string, string, string, number?]>([
  ['says nothing of use', '#!/usr/bin/env node\nconsole.error("panic: out of memory"); process.exit(2);', 'panic: out of memory'],
  ['is no program', '\x7fELF but no program', 'ELF'],
  ['cannot be started', '\x7fELF', 'EACCES', 0o644],
])('is told when it %s', async (_, program, why, mode = 0o755) => {
  expect(await failure(program, undefined, mode)).toMatchObject({ code: 'ND-INSTALL-FAILED', parts: { what: 'esbuild failed', why: expect.stringContaining(why) as string } });
});

it('ends with the command', async () => {
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 300);
  expect(await failure('#!/usr/bin/env node\nsetInterval(() => {}, 1000);', stop.signal)).toMatchObject({ code: 'ND-CANCELLED' });
});

it('is given a shim and a banner for ES modules alone', () => {
  const of = (format: BundleRequest['format']): string => bundleArguments({ ...request('/r'), format }).filter((argument) => /^--(?:inject|banner)/.test(argument)).map((argument) => argument.split('=')[0]).join();
  expect([of('cjs'), of('esm')]).toEqual(['', '--banner:js,--inject:/r/shim.mjs']);
});

it('is not misread: a place without a message, and the second place of one', () => {
  expect(readMessages(['    a.js:1:2:', 'W [WARNING] one', '    a.js:1:2:', '    b.js:3:4:'])).toEqual([{ kind: 'warning', text: 'one', file: 'a.js', line: 1 }]);
});
