import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { testWorkspace } from '../workspace.spec-support.js';
import { database, type DatabaseFacts } from './database.js';

const workspace = testWorkspace();
const find = async (migrations?: readonly string[]): Promise<readonly DatabaseFacts[] | undefined> =>
  database.find({ workspaceRoot: workspace.root, projectRoot: join(workspace.root, 'apps/api'), projectName: 'api', artifacts: [], ...(migrations === undefined ? {} : { migrations }) });
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const files = (folder: string, names: readonly string[]): Record<string, string> => Object.fromEntries(names.map((name) => [`apps/api/${folder}/${name}`, `-- ${name}`]));

describe('migrations', () => {
  it.each([
    ['prisma', 'prisma/migrations', ['20250102030405_add/migration.sql', '20240102030405_init/migration.sql', 'migration_lock.toml'], ['20240102030405_init', '20250102030405_add']],
    ['flyway', 'db/migration', ['V10__ten.sql', 'V9.1__nine.sql', 'V9_0_5__other.sql', 'R__views.sql', 'U10__undo.sql', 'sub/V2__two.sql', 'README.md'], ['sub/V2__two.sql', 'V9_0_5__other.sql', 'V9.1__nine.sql', 'V10__ten.sql', 'R__views.sql']],
    ['knex', 'migrations', ['20250102030405_b.ts', '20240102030405_a.js', '20240102030405_a.d.ts', 'index.ts'], ['20240102030405_a.js', '20250102030405_b.ts']],
    ['typeorm', 'src/migrations', ['1700000000001-Second.ts', '1700000000000-First.ts', '1700000000000-First.d.ts'], ['1700000000000-First.ts', '1700000000001-Second.ts']],
    ['sql', 'db/migrations', ['10_ten.sql', '9_nine.sql', '10_ten.down.sql', 'notes.txt'], ['9_nine.sql', '10_ten.sql']],
  ])('of %s are found in the order in which it applies them', async (tool, folder, names, expected) => {
    workspace.write(files(folder, names));
    const [facts, ...others] = await find() ?? [];
    expect(others).toEqual([]);
    expect(facts).toMatchObject({ tool, folder: `apps/api/${folder}`, count: expected.length, first: expected[0], last: expected.at(-1) });
    expect(facts?.migrations.map(({ name }) => name)).toEqual(expected);
  });

  it('have digests by which a change is seen', async () => {
    workspace.write(files('migrations', ['1_a.sql', '2_b.sql']));
    const [facts] = await find() ?? [];
    const [one, two] = [sha256('-- 1_a.sql'), sha256('-- 2_b.sql')];
    expect(facts?.migrations).toEqual([{ name: '1_a.sql', sha256: one }, { name: '2_b.sql', sha256: two }]);
    expect(facts?.sha256).toBe(sha256(`${one}  1_a.sql\n${two}  2_b.sql\n`));
    workspace.write({ 'apps/api/migrations/1_a.sql': 'changed' });
    expect((await find())?.[0]?.sha256).not.toBe(facts?.sha256);
  });

  it('are none where there are none, and a tool that has made none yet is told', async () => {
    workspace.write({ 'apps/api/migrations/README.md': 'nothing yet' });
    expect(await find()).toBeUndefined();
    workspace.write({ 'apps/api/prisma/migrations/migration_lock.toml': '' });
    expect(await find()).toEqual([{ tool: 'prisma', folder: 'apps/api/prisma/migrations', count: 0, sha256: sha256(''), migrations: [] }]);
  });

  it('are taken from the folders that were named, and from nowhere else', async () => {
    workspace.write({ ...files('migrations', ['1_a.sql']), 'db/V1__x.sql': '' });
    expect(await find(['db'])).toMatchObject([{ tool: 'flyway', folder: 'db' }]);
    await expect(find(['nowhere'])).rejects.toThrow('nowhere: no migrations of prisma, flyway, knex, typeorm, sql are there');
  });
});
