import { EnvSyncError } from '../errors.js';
import { formatProblem } from '../problem.js';
import { parseSchema } from '../schema.js';
import type { InferredRule } from './infer-rule.js';
import { appendElements, insertMembers } from './insert-json.js';

const NEW = `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', properties: {}, required: [] }, null, 2)}\n`;

export interface ExtendedSchema {
  readonly text: string;
  /** Keys that were added, sorted. */
  readonly added: readonly string[];
}

/**
 * The schema with what it lacks. What stands in it stays, to the last comment.
 * @param text undefined for a schema that is not there yet
 * @throws EnvSyncError with all problems of a schema that is not valid
 */
export function extendSchema(text: string | undefined, file: string, inferred: ReadonlyMap<string, InferredRule>): ExtendedSchema {
  const before = text ?? NEW;
  const { schema, problems } = parseSchema(before, file);
  if (problems.length > 0) throw new EnvSyncError('refused', { what: 'the schema is not valid', problems: problems.map(formatProblem), next: 'correct it; nothing was written' });
  const added = [...inferred].filter(([key]) => !schema.rules.has(key)).sort(([a], [b]) => (a < b ? -1 : 1));
  const required = added.filter(([key, rule]) => rule.required && !schema.required.has(key)).map(([key]) => key);
  const mark = before.startsWith('\ufeff') ? '\ufeff' : '';
  const withRules = insertMembers(before.slice(mark.length), 'properties', new Map(added.map(([key, { definition }]) => [key, definition])));
  return { text: `${mark}${appendElements(withRules, 'required', required)}`, added: added.map(([key]) => key) };
}
