/** Types of `process.env` from a schema, for TypeScript. */
import { printable } from '../problem.js';
import { isSecret, schemaForTier, type EnvSchema, type KeyRule } from '../schema.js';
import { deprecationOf, tiersOf } from '../traits.js';

/** The first line of every file that is made here. A file without it is somebody's own and is left alone. */
export const MADE_HERE = '// Made by nx-env-sync from env.schema.json; changes are overwritten.';

type Definition = KeyRule['definition'];

/** The declaration file as text. The same schema gives the same text. */
export function declareTypes(schema: EnvSchema): string {
  const environments = new Set([...schema.rules.values()].flatMap(({ definition }) => [...tiersOf(definition).keys()]));
  // What holds in every environment: in those that a key names, and in all others.
  const tiers = [schema, ...[...environments].map((environment) => schemaForTier(schema, environment))];
  const keys = [...new Set([...schema.rules.keys(), ...schema.required.keys()])].sort();
  return [
    MADE_HERE,
    '/* eslint-disable */',
    '// prettier-ignore',
    'declare namespace NodeJS {',
    '  interface ProcessEnv {',
    ...keys.flatMap((key) => property(key, schema.rules.get(key), tiers).map((line) => `    ${line}`)),
    '  }',
    '}',
    '',
  ].join('\n');
}

function property(key: string, rule: KeyRule | undefined, tiers: readonly EnvSchema[]): string[] {
  const always = tiers.every(({ required, rules }) => required.has(key) || rules.get(key)?.definition['default'] !== undefined);
  const definitions = tiers.map(({ rules }) => rules.get(key)?.definition ?? {});
  // What a secret may be is not told.
  const texts = rule !== undefined && isSecret(rule) ? ['string'] : [...new Set(definitions.flatMap(typesOf))];
  const type = texts.includes('string') ? 'string' : texts.join(' | ');
  return [...comment(rule?.definition ?? {}), `${key}${always ? '' : '?'}: ${type};`];
}

/** The texts that a process can find in the variable. */
function typesOf(definition: Definition): string[] {
  const choices: unknown = 'const' in definition ? [definition['const']] : definition['enum'];
  if (Array.isArray(choices) && choices.length > 0) return choices.map((choice) => literal(String(choice)));
  return [definition['type'] ?? 'string'].flat().flatMap((type) => {
    if (type === 'integer' || type === 'number') return ['`${number}`'];
    return type === 'boolean' ? ["'false'", "'true'"] : ['string'];
  });
}

/** In single quotes, plain ASCII. */
function literal(text: string): string {
  const escaped = text.replace(/[\\']/g, '\\$&').replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `'${escaped}'`;
}

/** Its description, its default and that it goes, in a comment that the text of a schema cannot end. */
function comment(definition: Definition): string[] {
  const { description, default: preset } = definition;
  const secret = definition['x-secret'] !== undefined && definition['x-secret'] !== false;
  const reason = deprecationOf(definition);
  const parts = [
    ...(typeof description === 'string' && description !== '' ? [description] : []),
    ...(preset === undefined || secret ? [] : [`Default: ${typeof preset === 'string' ? preset : JSON.stringify(preset)}`]),
    ...(reason === undefined ? [] : [`@deprecated ${reason}`.trimEnd()]),
  ].map((part) => printable(part.replace(/\s+/g, ' '), 500).replaceAll('*/', '*\\/'));
  if (parts.length <= 1) return parts.map((part) => `/** ${part} */`);
  return ['/**', ...parts.map((part) => ` * ${part}`), ' */'];
}

/** Whether two declaration files are the same but for the line ends that a checkout gives them. */
export function sameDeclarations(one: string, other: string): boolean {
  return one.replaceAll('\r\n', '\n') === other.replaceAll('\r\n', '\n');
}
