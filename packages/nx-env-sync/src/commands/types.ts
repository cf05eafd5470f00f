import { declareTypes, MADE_HERE, sameDeclarations } from '../declarations/declare-types.js';
import { EnvSyncError } from '../errors.js';
import { outputPath, PUBLIC_FILE, writeOutput } from '../files/output-file.js';
import { shownPath } from '../files/paths.js';
import { formatProblem } from '../problem.js';
import { readTextFile } from '../read-file.js';
import { EnvironmentReader } from '../reader.js';
import type { Place } from '../stores/store.js';
import { counted, type Answer } from './answer.js';

export interface TypesRequest {
  /** Relative to the workspace. */
  readonly outputFile: string;
  /** Nothing is written; a file that is not what it should be is no success. */
  readonly check?: boolean;
}

/** Writes the types of a project's variables where they are not what they should be. */
export async function types({ outputFile, check = false }: TypesRequest, place: Place): Promise<Answer> {
  const path = outputPath('outputFile', outputFile, place);
  const file = shownPath(path, place.workspaceRoot);
  const { schema, problems, found } = await new EnvironmentReader(place).describedSchema(place.projectRoot);
  if (problems.length > 0) throw new EnvSyncError('refused', { what: 'the schema is not valid', problems: problems.map(formatProblem), next: 'correct it; nothing was written' });
  if (!found) throw new EnvSyncError('refused', { what: 'there is no schema to make types of', where: `${place.projectRoot}/environments/env.schema.json`, next: 'write one, or have it inferred: nx g nx-env-sync:init' });
  const text = declareTypes(schema);
  const there = await readTextFile(path);
  if (there.state === 'unreadable') throw new EnvSyncError('refused', { what: `the file ${there.what}`, where: file, next: 'name another one by outputFile' });
  if (there.state === 'read' && !there.text.startsWith(MADE_HERE)) throw new EnvSyncError('refused', { what: 'the file was not made by nx-env-sync, so it is not overwritten', where: file, next: 'name another one by outputFile, or remove it' });
  const keys = counted(schema.rules.size, 'key');
  if (there.state === 'read' && sameDeclarations(there.text, text)) return { success: true, lines: [`${file}: up to date, ${keys}`], document: { file, state: 'current' } };
  const state = there.state === 'missing' ? 'missing' : 'outdated';
  if (check) {
    return { success: false, lines: [`error: ${file}: ${state === 'missing' ? 'is missing' : 'is not what the schema says'}`, '  next: run the same without --check, or nx sync'], document: { file, state } };
  }
  await writeOutput({ path, content: text, mode: PUBLIC_FILE }, place.workspaceRoot);
  return { success: true, lines: [`wrote ${file}: ${keys}`], document: { file, state: 'written' } };
}
