import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { libraryPaths } from './library-paths.js';

const root = realpathSync(mkdtempSync(join(tmpdir(), 'nd libraries ')));
afterAll(() => rmSync(root, { recursive: true, force: true }));
writeFileSync(join(root, 'lib.js'), '');

const of = (manifest: string, rest = 'Module._resolveFilename = function() {};'): Promise<Readonly<Record<string, string>>> => {
  const entry = join(root, 'main.js');
  writeFileSync(entry, `const a = 1;\nconst manifest = ${manifest};\n${rest}\n`);
  return libraryPaths(entry);
};

it('are those of the manifest that are in the output', async () => {
  expect(await of('[{ "module": "@ws/lib", "exactMatch": "lib.js", "pattern": "./lib.ts" }, { "module": "gone", "exactMatch": "gone.js" }, { "module": "@all/*", "pattern": "./libs/*" }]'))
    .toEqual({ '@ws/lib': join(root, 'lib.js'), '@all/': `${join(root, 'libs')}/` });
});

it.each(['[', '{}', '[null, 1, {}, { "module": 1 }, { "module": "a", "exactMatch": 1 }, { "module": "a/*", "pattern": 2 }, { "module": "a/*" }, { "module": "a", "pattern": "a/*" }]'])('are none of what is no manifest: %s', async (manifest) => {
  expect(await of(manifest)).toEqual({});
});

it('are none of an entry that resolves nothing by itself, and of one that is not there', async () => {
  expect(await of('[{ "module": "@ws/lib", "exactMatch": "lib.js" }]', '')).toEqual({});
  expect(await libraryPaths(join(root, 'none.js'))).toEqual({});
});
