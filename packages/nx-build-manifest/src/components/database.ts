import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { hashFile } from '../hash-file.js';
import { isMissing } from '../reading.js';
import type { ComponentFinder, ProjectView } from './component.js';
import { flyway } from './migrations/flyway.js';
import { knex } from './migrations/knex.js';
import type { MigrationLayout } from './migrations/layout.js';
import { prisma } from './migrations/prisma.js';
import { sql } from './migrations/sql.js';
import { typeorm } from './migrations/typeorm.js';

export interface MigrationFacts {
  readonly name: string;
  /** Of its file. */
  readonly sha256: string;
}

export interface DatabaseFacts {
  /** prisma, flyway, knex, typeorm, or sql for plain SQL files. */
  readonly tool: string;
  /** Relative to the workspace, with `/`. */
  readonly folder: string;
  readonly count: number;
  /** Names of the first and the last one in the order of their application; absent when there is none. */
  readonly first?: string;
  readonly last?: string;
  /** Of one line `{sha256}  {file}` for each file, in that order, ended by line feeds. */
  readonly sha256: string;
  readonly migrations: readonly MigrationFacts[];
}

/** The first that recognises a folder has it: plain SQL, which is in many of them, comes last. */
const LAYOUTS: readonly MigrationLayout[] = [prisma, flyway, knex, typeorm, sql];

/** Every file below, relative to the folder; undefined when there is no such folder. */
async function filesOf(folder: string): Promise<readonly string[] | undefined> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/')).sort();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function factsOf(workspaceRoot: string, folder: string, layouts: readonly MigrationLayout[]): Promise<DatabaseFacts | undefined> {
  const files = await filesOf(folder);
  if (files === undefined) return undefined;
  for (const layout of layouts) {
    const found = layout.recognise(files);
    if (found === undefined) continue;
    const all = createHash('sha256');
    const migrations: MigrationFacts[] = [];
    for (const { name, file } of found) {
      const { sha256 } = await hashFile(join(folder, file));
      all.update(`${sha256}  ${file}\n`);
      migrations.push({ name, sha256 });
    }
    const [first, last] = [migrations.at(0)?.name, migrations.at(-1)?.name];
    return {
      tool: layout.tool,
      folder: relative(workspaceRoot, folder).split(sep).join('/'),
      count: migrations.length,
      ...(first === undefined || last === undefined ? {} : { first, last }),
      sha256: all.digest('hex'),
      migrations,
    };
  }
  return undefined;
}

async function named({ workspaceRoot }: ProjectView, folders: readonly string[]): Promise<readonly DatabaseFacts[]> {
  return Promise.all(folders.map(async (folder) => {
    const facts = await factsOf(workspaceRoot, resolve(workspaceRoot, folder), LAYOUTS);
    if (facts === undefined) throw new Error(`${folder}: no migrations of ${LAYOUTS.map(({ tool }) => tool).join(', ')} are there`);
    return facts;
  }));
}

export const database: ComponentFinder<'database'> = {
  kind: 'database',
  async find(project) {
    if (project.migrations !== undefined) return named(project, project.migrations);
    const usual = [...new Set(LAYOUTS.flatMap(({ folders }) => folders))];
    const found = await Promise.all(usual.map(async (folder) =>
      factsOf(project.workspaceRoot, join(project.projectRoot, folder), LAYOUTS.filter(({ folders }) => folders.includes(folder)))));
    const facts = found.filter((one) => one !== undefined);
    return facts.length === 0 ? undefined : facts;
  },
};
