/** A command line, read by what the schema of its command says; everything unknown is refused with a suggestion. */
import { parseArgs } from 'node:util';
import { EnvSyncError } from '../errors.js';
import { printable } from '../problem.js';
import { suggest } from '../suggest.js';
import { dashed, positionals, type Command, type OptionSchema } from './commands.js';

export interface CommandLine {
  readonly options: Readonly<Record<string, unknown>>;
  readonly project?: string;
  readonly configuration?: string;
  readonly help: boolean;
}

const COMMON: Readonly<Record<string, OptionSchema>> = { project: { type: 'string' }, configuration: { type: 'string' }, help: { type: 'boolean' } };
/** Other words for those who know them from elsewhere. */
const ALIASES: Readonly<Record<string, string>> = { source: 'from', target: 'to' };

/** The command that is meant: `diff`, or `env-diff`, as its target is called. */
export function findCommand(word: string, all: readonly Command[]): Command {
  const found = all.find(({ name }) => name === word || `env-${name}` === word);
  if (found !== undefined) return found;
  const names = all.map(({ name }) => name);
  throw refused(word === '' ? 'no command was given' : `there is no command ${quoted(word)}`, suggest(word, names), `known: ${names.join(', ')}`);
}

export function readCommandLine(command: Command, words: readonly string[]): CommandLine {
  const schemas: Readonly<Record<string, OptionSchema>> = { ...command.options, ...COMMON };
  const form = `nx-env-sync ${command.name} --help lists the options`;
  const end = words.indexOf('--');
  const [own, rest] = end === -1 ? [words, undefined] : [words.slice(0, end), words.slice(end + 1)];
  const options = Object.fromEntries(Object.entries(schemas).map(([name, { type }]) => [name, { type: type === 'boolean' ? 'boolean' as const : 'string' as const, multiple: type === 'array', ...SHORT[name] }]));
  const args = own.map((word) => renamed(word, schemas));
  refuseUnknown(args, options, schemas, form);
  const { values, positionals: given } = parsed(args, options, form);
  const known = positionals(command.options);
  const named = known.length === 0 ? ['project'] : known;
  const surplus = given.slice(named.length);
  if (surplus.length > 0) throw refused(`${quoted(surplus[0] ?? '')} is one word too many`, undefined, form);
  const positional = Object.fromEntries(given.map((word, index) => [named[index] ?? '', schemas[named[index] ?? '']?.type === 'array' ? [word] : word]));
  const all: Record<string, unknown> = { ...positional, ...values };
  if (rest !== undefined) {
    if (!Object.hasOwn(command.options, 'command')) throw refused(`nothing can stand after --`, undefined, form);
    all['command'] = rest;
  }
  const { project, configuration, help, ...typed } = Object.fromEntries(Object.entries(all).map(([name, value]) => [name, valueOf(name, value, schemas[name] ?? {}, form)]));
  const missing = command.required.filter((name) => typed[name] === undefined && help !== true);
  if (missing.length > 0) throw refused(`${missing.join(' and ')} must be given`, undefined, form);
  return { options: typed, help: help === true, ...(typeof project === 'string' ? { project } : {}), ...(typeof configuration === 'string' ? { configuration } : {}) };
}

const SHORT: Readonly<Record<string, { readonly short: string }>> = { configuration: { short: 'c' }, help: { short: 'h' } };

/** `--dry-run` is `--dryRun`, `--source` is `--from` where there is such an option. */
function renamed(word: string, schemas: Readonly<Record<string, OptionSchema>>): string {
  const [, name = '', value = ''] = /^--([^=]+)(=[\s\S]*)?$/.exec(word) ?? [];
  if (name === '') return word;
  const camel = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const alias = Object.hasOwn(ALIASES, camel) ? ALIASES[camel] ?? '' : '';
  const negated = camel.replace(/^no([A-Z])/, (_, letter: string) => letter.toLowerCase());
  if (!Object.hasOwn(schemas, camel) && Object.hasOwn(schemas, alias)) return `--${alias}${value}`;
  return Object.hasOwn(schemas, camel) || schemas[negated]?.type !== 'boolean' ? `--${camel}${value}` : `--no-${negated}${value}`;
}

type ParseOptions = Readonly<Record<string, { readonly type: 'boolean' | 'string'; readonly multiple: boolean }>>;

function refuseUnknown(args: readonly string[], options: ParseOptions, schemas: Readonly<Record<string, OptionSchema>>, form: string): void {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, allowNegative: true, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option' || Object.hasOwn(options, token.name.replace(/^no-/, ''))) continue;
    const near = suggest(token.name, Object.keys(schemas));
    throw refused(`there is no option ${quoted(token.rawName)}`, near === undefined ? undefined : dashed(near), form);
  }
}

function parsed(args: readonly string[], options: ParseOptions, form: string): { readonly values: object; readonly positionals: readonly string[] } {
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true, allowNegative: true });
  } catch (error) {
    // The first sentence names the option; what follows it explains how Node reads command lines.
    const message = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
    throw refused(printable(message.split(/[.\n]\s?/)[0] ?? ''), undefined, form);
  }
}

function valueOf(name: string, value: unknown, { type, enum: choices, minimum = -Infinity, maximum = Infinity }: OptionSchema, form: string): unknown {
  if (typeof value !== 'string') return value;
  if (value === '') throw refused(`${dashed(name)} is empty`, undefined, form);
  if (choices?.includes(value) === false) throw refused(`${dashed(name)} cannot be ${quoted(value)}`, suggest(value, choices), `it is one of ${choices.join(', ')}`);
  if (type !== 'integer' && type !== 'number') return value;
  const number = Number(value);
  if (!/^-?\d+(?:\.\d+)?$/.test(value) || (type === 'integer' && !Number.isInteger(number)) || number < minimum || number > maximum) {
    throw refused(`${dashed(name)} must be a ${type === 'integer' ? 'whole ' : ''}number${minimum === -Infinity ? '' : ` from ${minimum}`}${maximum === Infinity ? '' : ` to ${maximum}`}`, undefined, form);
  }
  return number;
}

function quoted(word: string): string {
  return JSON.stringify(printable(word, 80));
}

function refused(what: string, near: string | undefined, next: string): EnvSyncError {
  return new EnvSyncError('refused', { what: near === undefined ? what : `${what}; did you mean ${near}?`, next });
}
