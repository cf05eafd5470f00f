/** health.json as a schema: the source of its problems and of health.schema.json. A check's own settings are those of its kind. */
import * as z from 'zod';
import { KIND_NAMES, loadKind } from '../checks/kinds.js';
import { schedule } from '../checks/schedule.js';
import { argv, section, url } from '../checks/values.js';

export const nameError = 'must be a name of letters, digits, "_", "." and "-", at most 63';
const name = z.string().regex(/^[A-Za-z0-9][\w.-]{0,62}$/, { error: nameError });

export const alertsSchema = section({
  webhook: url(['http:', 'https:'], { description: 'Address that gets each change as JSON, by POST.', examples: ['${ALERT_WEBHOOK}'] }).optional(),
  command: argv({ description: 'Program that gets each change as JSON on its standard input; no shell reads the words.', examples: [['node', 'tell.js']] }).optional(),
});

const sections = {
  $schema: z.string({ error: 'must be text' }).meta({ description: 'Where editors find the schema.' }).optional(),
  defaults: section(schedule).meta({ description: 'What each check has where it says nothing else.', examples: [{ timeout: '2s', tags: ['preflight'] }] }).optional(),
  alerts: alertsSchema.meta({ description: 'Who is told when a monitor sees a change.' }).optional(),
};

const checksError = { error: 'must be an object of checks by name' };

export const fileSchema = section({ ...sections, checks: z.record(name, z.unknown(), checksError) });

/** What editors read, published as health.schema.json. */
export async function jsonSchema(): Promise<object> {
  const kinds = await Promise.all(KIND_NAMES.map(loadKind));
  const [first, ...others] = kinds.map(({ schema }) => schema);
  if (first === undefined) throw new Error('there are no kinds of checks');
  const whole = section({ ...sections, checks: z.record(name, z.union([first, ...others]), checksError).meta({ description: 'Checks by their names.', examples: [{ db: { kind: 'postgres', url: '${DATABASE_URL}' } }] }) });
  return { ...z.toJSONSchema(whole, { target: 'draft-7', io: 'input' }), title: 'health.json of nx-health', description: 'Checks of one project, and how often they are asked.' };
}
