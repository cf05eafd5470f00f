import { EnvSyncError } from '../errors.js';
import { EnvDocument } from '../edit/document.js';
import type { KeyChange } from '../edit/own-edit.js';
import { isVariableName, parseEnvFile } from '../parse-env-file.js';
import { formatProblem, printable } from '../problem.js';
import { decodeText, LARGEST_FILE } from '../read-file.js';
import { isReservedName } from '../reserved-names.js';
import { runProgram } from '../shell/run-program.js';
import { changedMeanwhile } from './files-store.js';
import { revisionOf, type EnvStore, type StoreContent, type StoreQuery } from './store.js';
import type { StoreDefinition, StoreFormat } from './stores-file.js';

type CommandDefinition = Extract<StoreDefinition, { type: 'command' }>;

/**
 * An environment that programs keep, such as the command line of a vault. `read` writes all of it to its standard output, `write` gets all of it on its
 * standard input. `{environment}` and `{project}` in their arguments are replaced; a value is in none.
 */
export function commandStore(name: string, { read, write, format, secret, timeout }: CommandDefinition, query: StoreQuery): EnvStore {
  const run = async (argv: readonly string[], verb: string, input?: string): Promise<Buffer> => {
    const end = await runProgram({ argv: argv.map((each) => filled(each, query, name)), cwd: query.workspaceRoot, variables: query.variables, ...(input === undefined ? {} : { input }), timeout: timeout * 1_000, largest: LARGEST_FILE });
    if (end.state === 'done') return end.output;
    throw new EnvSyncError('failed', { what: `the program ${printable(argv[0] ?? '', 80)} that ${verb} ${name} ${end.what}`, next: 'run it by hand to see what it says: what it wrote is shown nowhere, since it can hold values' });
  };
  const content = async (): Promise<StoreContent> => {
    const values = parseOutput(await run(read, 'reads'), format, name);
    return { values, secrets: new Set(secret ? values.keys() : []), sources: new Map(), revision: revisionOf([...values]) };
  };
  const store: EnvStore = { name, read: content };
  if (write === undefined) return store;
  return {
    ...store,
    write: async (changes, expected) => {
      const { values, revision } = await content();
      if (revision !== expected) throw changedMeanwhile(name);
      await run(write, 'writes', textOf(changedValues(values, changes), format, name));
      return [name];
    },
  };
}

function filled(argument: string, { environment, projectName }: StoreQuery, name: string): string {
  if (argument.includes('{project}') && (projectName === '' || projectName.startsWith('-'))) {
    throw new EnvSyncError('refused', { what: `${name} is asked for by the name of a project, and there is none here`, next: 'run the command for a project' });
  }
  return argument.replace(/\{(environment|project)\}/g, (_, word) => (word === 'environment' ? environment : projectName));
}

/** The flat object of names and values, or the environment file, that a program wrote. */
export function parseOutput(bytes: Uint8Array, format: StoreFormat, name: string): ReadonlyMap<string, string> {
  const strange = (problems: readonly string[]): EnvSyncError => new EnvSyncError('refused', { what: `what ${name} holds is no environment`, problems, next: 'nothing was changed' });
  const file = decodeText(bytes);
  if (file.state !== 'read') throw strange(['it is not UTF-8 text']);
  const entries = format === 'env' ? fromEnv(file.text, name, strange) : fromJson(file.text, strange);
  return new Map(entries.filter(([key]) => !isReservedName(key)).sort(([a], [b]) => (a < b ? -1 : 1)));
}

type Strange = (problems: readonly string[]) => EnvSyncError;

function fromEnv(text: string, name: string, strange: Strange): [string, string][] {
  const { values, problems } = parseEnvFile(text, name);
  if (problems.length > 0) throw strange(problems.map(formatProblem));
  return [...values].map(([key, { value }]) => [key, value]);
}

function fromJson(text: string, strange: Strange): [string, string][] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    throw strange(['it is not valid JSON']);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw strange(['it is no JSON object of names and values']);
  const entries = Object.entries(parsed);
  const problems = entries.flatMap(([key, value], index) => {
    // Not shown: a key that is none can be a part of a value.
    if (!isVariableName(key)) return [`name ${index + 1} is not valid: letters, digits and _ only, no digit first`];
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return [`${key}: is no text, number, true or false`];
    return String(value).includes('\0') ? [`${key}: holds a NUL byte, which no process can receive`] : [];
  });
  if (problems.length > 0) throw strange(problems);
  return entries.map(([key, value]) => [key, String(value)]);
}

function changedValues(values: ReadonlyMap<string, string>, changes: readonly KeyChange[]): ReadonlyMap<string, string> {
  const next = new Map(values);
  for (const { key, value } of changes) {
    if (!isVariableName(key)) throw new EnvSyncError('refused', { what: `${JSON.stringify(printable(key, 64))} is no valid name: letters, digits and _ only, no digit first` });
    if (value?.includes('\0') === true) throw new EnvSyncError('refused', { what: `${key}: its value holds a NUL byte, which no process can receive` });
    if (value === undefined) next.delete(key);
    else next.set(key, value);
  }
  return new Map([...next].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function textOf(values: ReadonlyMap<string, string>, format: StoreFormat, name: string): string {
  if (format === 'json') return `${JSON.stringify(Object.fromEntries(values))}\n`;
  const document = new EnvDocument('');
  for (const [key, value] of values) document.set(key, value);
  const text = document.toString();
  if (Buffer.byteLength(text) > LARGEST_FILE) throw new EnvSyncError('refused', { what: `${name} would hold more than ${LARGEST_FILE} bytes`, next: 'nothing was changed' });
  return text;
}
