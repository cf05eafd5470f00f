import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { printAnswer } from '../../commands/answer.js';
import { types } from '../../commands/types.js';
import { defaultTypesFile } from '../../declarations/types-file.js';
import { placeOf, type TaskContext } from '../task.js';

export interface TypesOptions {
  /** Relative to the workspace. Default: `env.d.ts` in the project's source. */
  readonly outputFile?: string;
  readonly check?: boolean;
  readonly json?: boolean;
}

/** Executor `nx-env-sync:types`: makes the types of `process.env` from the schema. */
export default function typesExecutor({ outputFile, json, ...options }: TypesOptions, context: TaskContext): Promise<{ success: boolean }> {
  const place = placeOf(context);
  const project = context.projectsConfigurations.projects[place.projectName] ?? { root: '.' };
  return printAnswer(json, async () => types({ ...options, outputFile: outputFile ?? defaultTypesFile(project, (path) => existsSync(join(context.root, path))) }, place));
}
