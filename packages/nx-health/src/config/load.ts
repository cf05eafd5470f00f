/** Reads health.json and reports everything that is wrong with it at once. */
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type * as z from 'zod';
import { toCheck, type Check } from '../checks/check.js';
import { isKind, KIND_NAMES, loadKind } from '../checks/kinds.js';
import { errorCode, HealthError } from '../errors.js';
import { unknown } from '../suggest.js';
import { LARGEST, readDocument, type Document } from './document.js';
import { compositeProblems } from './composites.js';
import { problem, problemsOf } from './problems.js';
import { fillReferences } from './references.js';
import { fileSchema, nameError, type alertsSchema } from './schema.js';

export const HEALTH_FILE = 'health.json';
const MOST_SHOWN = 50;

export type Alerts = z.output<typeof alertsSchema>;

export interface HealthFile {
  /** Absolute. */
  readonly file: string;
  readonly checks: readonly Check[];
  readonly alerts: Alerts;
}

export type Variables = Readonly<Record<string, string | undefined>>;

/**
 * `file`: absolute. `variables`: what `${NAME}` in it stands for.
 * @throws HealthError with all problems when there is no such file, or it is not valid
 */
export async function loadHealthFile(file: string, variables: Variables): Promise<HealthFile> {
  const text = await read(file);
  const reading = readDocument(text);
  if (!reading.ok) throw invalid(file, reading.problems);
  const { document } = reading;
  const filled = fillReferences(document.value, variables);
  const problems = filled.missing.map(({ path, name }) => problem(path, `the variable ${name} is not set`, document));
  const shape = fileSchema.safeParse(filled.value);
  if (!shape.success) problems.push(...problemsOf(shape.error.issues, [], document));
  const { checks: raw, defaults } = filled.value as { readonly checks?: unknown; readonly defaults?: unknown };
  const faulty = new Set(filled.missing.map(({ path }) => path[1]));
  const checks = await openChecks(objectOf(raw), { defaults: shape.success ? objectOf(defaults) : {}, faulty, document, problems, folder: dirname(file), secrets: filled.secrets });
  problems.push(...compositeProblems(checks, Object.keys(objectOf(raw)), document));
  if (problems.length > 0 || !shape.success) throw invalid(file, problems);
  return { file, checks, alerts: shape.data.alerts ?? {} };
}

async function read(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > LARGEST) throw invalid(file, [`the file: must have at most ${LARGEST} bytes, got ${size}`]);
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof HealthError) throw error;
    const code = errorCode(error);
    throw new HealthError({
      what: code === 'ENOENT' ? `there is no ${basename(file)}` : `${basename(file)} cannot be read: ${code}`, where: file,
      next: 'write one (docs/health.md shows how), or name what is to be checked by --url or --tcp',
    }, { cause: error });
  }
}

interface Opening {
  readonly defaults: Readonly<Record<string, unknown>>;
  /** Names of checks that miss a variable: what else would be said of their texts is of no use. */
  readonly faulty: ReadonlySet<string | number | undefined>;
  readonly document: Document;
  readonly problems: string[];
  readonly folder: string;
  readonly secrets: readonly string[];
}

async function openChecks(raw: Readonly<Record<string, unknown>>, { defaults, faulty, document, problems, folder, secrets }: Opening): Promise<readonly Check[]> {
  const checks = await Promise.all(Object.entries(raw).map(async ([name, settings]) => {
    const path = ['checks', name];
    const own = objectOf(settings);
    if (faulty.has(name)) return [];
    // zod leaves it out without a word.
    if (name === '__proto__') problems.push(problem(path, nameError, document, 'key'));
    else if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) problems.push(problem(path, 'must be an object', document));
    else if (!isKind(own['kind'])) problems.push(kindProblem(own['kind'], path, document));
    else {
      const opening = (await loadKind(own['kind'])).open({ ...defaults, ...own });
      if (opening.ok) return [toCheck(name, own['kind'], opening.check, { folder, secrets: [...secrets, ...secretsIn(settings)] })];
      problems.push(...problemsOf(opening.issues, path, document));
    }
    return [];
  }));
  return checks.flat();
}

function kindProblem(kind: unknown, path: readonly string[], document: Document): string {
  if (typeof kind !== 'string') return problem([...path, 'kind'], `must be one of ${KIND_NAMES.join(', ')}${kind === undefined ? ', but is missing' : ''}`, document);
  return problem([...path, 'kind'], unknown('kind', kind.slice(0, 64), KIND_NAMES), document);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Readonly<Record<string, unknown>> : {};
}

const SECRET_KEY = /auth|cookie|token|secret|passw|key/i;

/** What stands in the file itself: passwords of addresses, and headers and variables that are called so. */
function secretsIn(value: unknown, key = ''): readonly string[] {
  if (typeof value === 'object' && value !== null) return Object.entries(value).flatMap(([name, inner]) => secretsIn(inner, name));
  if (typeof value !== 'string') return [];
  const password = URL.canParse(value) ? new URL(value).password : '';
  return [...(password === '' ? [] : [password, decodeURIComponentOr(password)]), ...(SECRET_KEY.test(key) ? [value] : [])];
}

function decodeURIComponentOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function invalid(file: string, problems: readonly string[]): HealthError {
  const more = problems.length - MOST_SHOWN;
  return new HealthError({
    what: `${basename(file)} is not valid`, where: file, problems: [...problems.slice(0, MOST_SHOWN), ...(more > 0 ? [`and ${more} more`] : [])],
    next: 'correct the file; docs/health.md lists every key, and an editor shows problems as you type once "$schema" is set',
  });
}
