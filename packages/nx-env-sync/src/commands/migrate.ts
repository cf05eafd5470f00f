import { EnvSyncError } from '../errors.js';
import { formatProblem, printable } from '../problem.js';
import { planMigration, type MigrationFolder, type MigrationPlan, type MigrationStep } from '../migration/plan-migration.js';
import { EnvironmentReader } from '../reader.js';
import { NO_SCHEMA, schemaForTier } from '../schema.js';
import { recipientsOf } from '../secrets/recipients.js';
import { identitiesOnce, readSecretsFile, type Identities } from '../secrets/secrets-file.js';
import { withLock } from '../storage/lock.js';
import { ownFiles, type OwnFiles } from '../storage/own-files.js';
import { textOf, writeOwnTexts, type OwnTexts } from '../storage/own-texts.js';
import { checkEnvironmentName, unknownEnvironment } from '../stores/environment-store.js';
import type { Place } from '../stores/store.js';
import { readTextFile } from '../read-file.js';
import { counted, type Answer } from './answer.js';

export interface MigrateRequest {
  /** undefined: all that have a file. */
  readonly environment?: string;
  /** New keys are set to their default. */
  readonly defaults?: boolean;
  readonly dryRun?: boolean;
}

interface Migration extends MigrationPlan {
  readonly environment: string;
  readonly folders: readonly MigrationFolder[];
}

/** Brings the names in environment files up to date, in all files or in none: everything is planned before the first is written. */
export async function migrate({ environment, defaults = false, dryRun = false }: MigrateRequest, place: Place): Promise<Answer> {
  const reader = new EnvironmentReader(place);
  const { schema: described, problems } = await reader.describedSchema(place.projectRoot);
  if (problems.length > 0) throw new EnvSyncError('refused', { what: 'the schema is not valid', problems: problems.map(formatProblem), next: 'correct it; nothing was changed' });
  const known = await reader.environments(place.projectRoot);
  if (environment !== undefined) checkEnvironmentName(environment);
  if (environment !== undefined && !known.includes(environment)) throw await unknownEnvironment(environment, place);
  const work = async (): Promise<Answer> => {
    const identities = identitiesOnce({}, place);
    const migrations: Migration[] = [];
    for (const name of environment === undefined ? known : [environment]) {
      const { folders, left } = await foldersOf(name, { reader, place, identities });
      const plan = planMigration(folders, schemaForTier(described, name), defaults);
      migrations.push({ environment: name, folders, ...plan, left: [...left, ...plan.left] });
    }
    const conflicts = [...new Set(migrations.flatMap((each) => each.problems))];
    if (conflicts.length > 0) throw new EnvSyncError('refused', { what: 'some keys cannot be migrated', problems: conflicts, next: 'decide these by hand, and run it again; nothing was changed' });
    if (!dryRun) await write(migrations, place, identities);
    return answer(migrations, dryRun);
  };
  return dryRun ? work() : withLock(place.workspaceRoot, `env-migrate of ${place.projectName}`, work);
}

interface Reading { readonly reader: EnvironmentReader; readonly place: Place; readonly identities: Identities }

async function foldersOf(environment: string, { reader, place, identities }: Reading): Promise<{ folders: readonly MigrationFolder[]; left: readonly string[] }> {
  const left: string[] = [];
  const { schema: merged } = await reader.describedSchema(place.projectRoot);
  const roots = reader.roots(place.projectRoot);
  const folders = await Promise.all(roots.map(async (root, index): Promise<MigrationFolder> => {
    const files = ownFiles(environment, { workspaceRoot: reader.workspaceRoot, projectRoot: root });
    const secrets = await readSecretsFile(files.secrets, identities);
    // Without the key the rest can be migrated all the same.
    if (secrets.state === 'unreadable') left.push(`${files.shown.secrets}: ${secrets.what}`);
    const before = { plain: textOf(await readTextFile(files.plain), files.shown.plain), secrets: secrets.state === 'read' ? secrets.text : undefined };
    return { files, before, schema: index === roots.length - 1 ? merged : (await reader.schema(root)).content ?? NO_SCHEMA };
  }));
  return { folders, left };
}

/** Each file is replaced in one step. Whom secrets are encrypted for is looked up before the first, and so is whether somebody changed a file meanwhile. */
async function write(migrations: readonly Migration[], { workspaceRoot }: Place, identities: Identities): Promise<void> {
  const changes = migrations.flatMap(({ folders, after }) => folders.flatMap((folder, index) => {
    const texts = after[index];
    return texts === undefined || sameTexts(texts, folder.before) ? [] : [{ ...folder, after: texts }];
  }));
  for (const { files, before, after } of changes) {
    if (after.secrets !== before.secrets) await recipientsOf(files.root, workspaceRoot);
    if (!sameTexts(await textsNow(files, before, identities), before)) throw new EnvSyncError('refused', { what: 'somebody changed the file meanwhile', where: files.shown.plain, next: 'run it again; nothing was changed' });
  }
  for (const { files, before, after } of changes) await writeOwnTexts(files, before, after, workspaceRoot);
}

async function textsNow(files: OwnFiles, before: OwnTexts, identities: Identities): Promise<OwnTexts> {
  const secrets = before.secrets === undefined ? undefined : textOf(await readSecretsFile(files.secrets, identities), files.shown.secrets);
  return { plain: textOf(await readTextFile(files.plain), files.shown.plain), secrets };
}

function sameTexts(one: OwnTexts, other: OwnTexts): boolean {
  return one.plain === other.plain && one.secrets === other.secrets;
}

const SAID: Readonly<Record<MigrationStep['change'], (step: MigrationStep) => string>> = {
  renamed: ({ key, to = '' }) => `${key}: renamed to ${to}`,
  removed: ({ key, to = '' }) => `${key}: removed; ${to} has the same value`,
  reference: ({ key }) => `${key}: refers to a key by the name that it has now`,
  default: ({ key }) => `${key}: set to its default`,
};

/** The workspace's files belong to every project, and stand in the plan of each environment once. */
function answer(migrations: readonly Migration[], dryRun: boolean): Answer {
  const steps = migrations.flatMap((each) => each.steps);
  const left = [...new Set(migrations.flatMap((each) => each.left))];
  const files = [...new Set(steps.map(({ file }) => file))];
  const names = migrations.map(({ environment }) => printable(environment)).join(', ');
  const verdict = steps.length === 0 ? 'nothing to migrate' : `${counted(steps.length, 'change')} in ${counted(files.length, 'file')}${dryRun ? '; nothing was changed' : ''}`;
  return {
    success: true,
    lines: [
      ...steps.map((step) => `  ${step.file}${step.line === undefined ? '' : `:${step.line}`} ${SAID[step.change](step)}`),
      ...left.map((line) => `  left as it is: ${line}`),
      `${names === '' ? 'no environment has a file' : names}: ${verdict}`,
    ],
    document: { environments: migrations.map(({ environment }) => environment), dryRun, changes: steps, files, left },
  };
}
