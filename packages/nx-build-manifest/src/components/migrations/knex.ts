import { oneFileEach, type MigrationLayout } from './layout.js';

/** Knex: `{yyyymmddhhmmss}_{name}.js` or `.ts`, applied in the order of their names. */
export const knex: MigrationLayout = {
  tool: 'knex',
  folders: ['migrations', 'src/migrations', 'db/migrations', 'src/db/migrations', 'database/migrations', 'src/database/migrations'],
  recognise: (files) => oneFileEach(files, /^\d{14}_[^/]+(?<!\.d)\.[cm]?[jt]s$/),
};
