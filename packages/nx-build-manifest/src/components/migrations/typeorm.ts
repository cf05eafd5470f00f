import { oneFileEach, type MigrationLayout } from './layout.js';

/** TypeORM: `{milliseconds since 1970}-{Name}.ts` or `.js`, applied in the order of their times. */
export const typeorm: MigrationLayout = {
  tool: 'typeorm',
  folders: ['migrations', 'src/migrations', 'src/migration', 'db/migrations', 'src/db/migrations', 'src/database/migrations'],
  recognise: (files) => oneFileEach(files, /^\d{13}-[^/]+(?<!\.d)\.[cm]?[jt]s$/),
};
