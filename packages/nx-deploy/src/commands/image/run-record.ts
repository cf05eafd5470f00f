/** dist/image-runs/<project>.json: the last build and the last push, as far as they vary from run to run. For people and their tools; nothing here reads it but to write it. */
import { readFile } from 'node:fs/promises';
import { DeployError } from '../../errors.js';
import type { CommandContext } from '../context.js';
import { imagePlace, replaceFile } from './place.js';

/** What cannot be written here does not undo what was done. */
export async function recordRun(context: CommandContext, kind: 'build' | 'push', facts: object): Promise<void> {
  const { run } = imagePlace(context);
  try {
    await replaceFile(run, `${JSON.stringify({ ...await before(run), schema: 1, project: context.projectName, [kind]: facts }, undefined, 2)}\n`);
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    context.output.event({ type: 'note', text: `the facts of this run could not be written to ${run}: ${error.parts.why ?? error.message}` });
  }
}

async function before(file: string): Promise<object> {
  try {
    const value: unknown = JSON.parse(await readFile(file, 'utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
  } catch {
    return {};
  }
}
