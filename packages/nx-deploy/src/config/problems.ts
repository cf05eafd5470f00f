/** Turns what the schema found into lines that a person can act on: `where: must be ..., got ...`. */
import type * as z from 'zod';
import { pathText, quoted } from './document.js';
import type { Document, Path } from './document.js';
import { NAME_RULE } from './names.js';
import { SECRET_KEYS } from './notify-schema.js';
import { ENVIRONMENT_ONLY } from './schema.js';
import { suggest } from './suggest.js';

type Issue = z.core.$ZodIssue;

/** Places and suggestions take time, and nobody reads the last of more problems than this. */
const MOST_EXPLAINED = 1_000;

/** Where the text that is being checked comes from; without a document a problem has no line. */
export interface Source {
  readonly value: unknown;
  readonly document?: Document;
}

interface Problem {
  readonly path: Path;
  readonly text: string;
  readonly at: 'key' | 'value';
}

/** All problems, in the order in which they stand in the text; beyond a thousand without places and suggestions, at the end. */
export function describeIssues(issues: readonly Issue[], source: Source): readonly string[] {
  const problems = [...issues.flatMap((issue) => explain(issue, [], source.value)), ...passedOver(source.value)];
  const lines = problems.slice(0, MOST_EXPLAINED)
    .map((problem) => ({ text: describe(problem.path, problem.text, source, problem.at), place: source.document?.place(problem.path, problem.at) }));
  lines.sort((a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0));
  const others = problems.slice(MOST_EXPLAINED).map(({ path, text }) => describe(path, text, {}));
  return [...new Set([...lines.map(({ text }) => text), ...others])];
}

/** Objects of the artifact whose keys are names. */
const TEXTS = ['env', 'args', 'labels'];
/** The same of containers. */
const CONTAINER_TEXTS: readonly Path[] = [['container', 'hosts'], ['container', 'log', 'options']];

/** An environment or a process called `__proto__`: zod leaves it out of the result without an issue, so that it would just not be there. */
function passedOver(root: unknown): readonly Problem[] {
  const environments = valueAt(root, ['environments']);
  const records: readonly Path[] = [
    ['environments'], ['processes'], ['checks'], ['notifications'], ...CONTAINER_TEXTS, ...TEXTS.map((key) => ['artifact', key]), ['artifact', 'smoke', 'env'],
    ...(isObject(environments) ? Object.keys(environments).flatMap((name) => [['processes'], ['checks'], ['notifications'], ...CONTAINER_TEXTS].map((path) => ['environments', name, ...path])) : []),
  ];
  return records
    .filter((path) => Object.hasOwn(Object(valueAt(root, path)) as object, '__proto__'))
    .map((path) => ({ path: [...path, '__proto__'], text: path[0] === 'artifact' || path.includes('container') ? 'the name must be another one' : `the name must be ${NAME_RULE}`, at: 'key' }));
}

/** One problem with its place: `environments.staging.instances (7:20): must be ...`. */
export function describe(path: Path, text: string, source: Pick<Source, 'document'>, at: 'key' | 'value' = 'value'): string {
  const place = source.document?.place(path, at);
  const where = path.length > 0 ? pathText(path) : source.document === undefined ? 'the value' : 'the file';
  return place === undefined ? `${where}: ${text}` : `${where} (${place.line}:${place.column}): ${text}`;
}

function explain(issue: Issue, base: Path, root: unknown): readonly Problem[] {
  const path: Path = [...base, ...issue.path.map((part) => (typeof part === 'symbol' ? part.toString() : part))];
  if (issue.code === 'unrecognized_keys') {
    const known = issue.message.split(' ');
    return issue.keys.map((key, index) => ({ path: [...path, key], text: index < MOST_EXPLAINED ? unknownKey(key, known, path) : 'unknown key', at: 'key' }));
  }
  if (issue.code === 'invalid_key') {
    const [first] = issue.issues;
    return [{ path, text: `the name ${first?.message ?? issue.message}`, at: 'key' }];
  }
  const given = valueAt(root, path);
  // A union's own message speaks of its forms. Once an object is given, the problems inside it say more.
  if (issue.code === 'invalid_union' && isObject(given)) {
    const inner = issue.errors.at(-1) ?? [];
    if (inner.length > 0) return inner.flatMap((each) => explain(each, path, root));
  }
  const what = mayBeSecret(path, given) ? 'something else (it is not shown)' : shown(given);
  return [{ path, text: given === undefined ? `${issue.message}, but is missing` : `${issue.message}, got ${what}`, at: 'value' }];
}

/** In a channel or a check: a secret where the name of its variable belongs, or an address, an assignment, a command that holds one. */
function mayBeSecret(path: Path, given: unknown): boolean {
  if (typeof given !== 'string' && typeof given !== 'number') return false;
  if (SECRET_KEYS.has(String(path.at(-1)))) return true;
  const [section, , key] = path[0] === 'environments' ? path.slice(2) : path;
  if (section !== 'notifications' && section !== 'checks') return false;
  return key === undefined || key === 'env' || key === 'run' || (section === 'notifications' && key === 'url') || /:\/\/|\w=|^[^:]*:.*@/s.test(String(given));
}

function unknownKey(key: string, known: readonly string[], path: Path): string {
  if (path.length === 0 && ENVIRONMENT_ONLY.some((name) => name === key)) return 'unknown key here; it belongs into an environment (environments.<name>)';
  const near = suggest(key, known);
  return near === undefined ? `unknown key; known here: ${known.join(', ')}` : `unknown key; did you mean "${near}"?`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueAt(root: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => {
    if (Array.isArray(value)) return value[Number(part)] as unknown;
    return isObject(value) && Object.hasOwn(value, part) ? value[String(part)] : undefined;
  }, root);
}

/** What was found, short, in ASCII. */
function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (isObject(value)) return Object.keys(value).length === 0 ? 'an empty object' : 'an object';
  return String(value);
}
