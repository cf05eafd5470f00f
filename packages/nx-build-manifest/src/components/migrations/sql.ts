import type { MigrationLayout } from './layout.js';

const DOWN = /[._-](?:down|undo|rollback)\.sql$/i;
const natural = new Intl.Collator('en', { numeric: true, sensitivity: 'variant' });

/** Plain SQL files in one folder, by the numbers in their names (`9.sql` before `10.sql`); `*.down.sql`, `*.undo.sql` and `*.rollback.sql` take back and are none. */
export const sql: MigrationLayout = {
  tool: 'sql',
  folders: ['migrations', 'db/migrations', 'database/migrations', 'sql/migrations', 'src/migrations'],
  recognise(files) {
    const found = files.filter((file) => /^[^/]+\.sql$/i.test(file) && !DOWN.test(file)).sort((a, b) => natural.compare(a, b) || (a < b ? -1 : 1));
    return found.length === 0 ? undefined : found.map((file) => ({ name: file, file }));
  },
};
