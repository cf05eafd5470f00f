/** Schemas that the kinds of artifact have in common. */
import * as z from 'zod';
import { text } from './values.js';

export const VARIABLE = '^[A-Za-z_][A-Za-z0-9_]{0,254}$';
export const RELATIVE = '^(?!/)(?![A-Za-z]:)[^\\0\\\\]+$';
export const INSIDE = '^(?!/)(?!(.*/)?\\.\\.(/|$))(?![A-Za-z]:)[^\\0\\\\]+$';

export const fromProject = (kind: string): string => `a ${kind} with "/" between its parts, relative to the project or beginning with {workspaceRoot} or {projectRoot}`;
export const list = <Item extends z.ZodType>(item: Item, what: string) => z.array(item, { error: `must be a list of ${what}` });

/** Names with values. What has a bad name is told at its key. */
export function texts(pattern: string, rule: string, what: string) {
  const error = `must be ${rule}`;
  return z.record(z.string({ error }).regex(new RegExp(pattern), { error }), z.string({ error: 'must be text' }).regex(/^[^\0]*$/, { error: 'must be text without NUL' }), { error: `must be an object of ${what} by name` });
}

export const path = text(RELATIVE, fromProject('folder'), {
  description: 'Folder of the build\'s output, relative to the project.', default: 'dist', examples: ['dist', '{workspaceRoot}/dist/apps/api'],
}).optional();
export const entry = text(INSIDE, 'a file below "path", with "/" between its parts', { description: 'File that starts the service, relative to "path".', default: 'main.js' }).optional();
export const dependencies = z.enum(['bundled', 'traced', 'installed'], { error: 'must be "bundled", "traced" or "installed"' })
  .meta({ description: 'bundled: "path" holds all that runs. traced: the modules that "entry" loads are found and taken along. installed: the production dependencies of the pruned lock file.', default: 'bundled' }).optional();
export const bundle = z.boolean({ error: 'must be true or false' }).meta({ description: 'Makes one file of the entry and of all that it loads, by esbuild; instead of "dependencies".', default: false }).optional();
