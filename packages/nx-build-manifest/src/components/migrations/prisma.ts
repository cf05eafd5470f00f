import type { MigrationLayout } from './layout.js';

/** Prisma Migrate: `{yyyymmddhhmmss}_{name}/migration.sql` beside a migration_lock.toml; applied in the order of the folders' names. */
export const prisma: MigrationLayout = {
  tool: 'prisma',
  folders: ['prisma/migrations'],
  recognise(files) {
    const found = files.filter((file) => /^[^/]+\/migration\.sql$/.test(file)).map((file) => ({ name: file.slice(0, file.indexOf('/')), file }));
    return found.length === 0 && !files.includes('migration_lock.toml') ? undefined : found;
  },
};
