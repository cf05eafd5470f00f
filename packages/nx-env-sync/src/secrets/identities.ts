/** Where the secret keys come from: a file, a variable, or a program such as the command line of a vault. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { EnvSyncError } from '../errors.js';
import { printable } from '../problem.js';
import { readTextFile } from '../read-file.js';
import { runProgram } from '../shell/run-program.js';
import { PRIVATE_FILE, replaceFile } from '../files/replace-file.js';
import { isIdentity, newKeyPair } from './age.js';

/** At most one of them is given; without any, the variables below and then the user's own file are looked at. */
export interface IdentityOptions {
  /** File, relative to the workspace or absolute. */
  readonly identity?: string;
  /** Name of the variable that holds the secret key itself. */
  readonly identityVariable?: string;
  /** Program and arguments; it writes the secret key to its standard output. */
  readonly identityCommand?: readonly string[];
}

export interface IdentityPlace {
  readonly workspaceRoot: string;
  readonly variables: NodeJS.ProcessEnv;
}

/** What all variables that say where secret keys are begin with: no process that gets an environment gets these. */
export const IDENTITY_VARIABLES = 'NX_ENV_SYNC_IDENTITY';
const COMMAND_TIMEOUT = 60_000;
const LARGEST = 64 * 1024;

/** The user's own key, outside of every workspace. */
export function ownIdentityFile(variables: NodeJS.ProcessEnv): string {
  const config = variables['XDG_CONFIG_HOME'];
  return join(config === undefined || config === '' ? join(homedir(), '.config') : config, 'nx-env-sync', 'identity.txt');
}

/** Makes a key for the user who has none, in the format of `age-keygen`. */
export async function makeOwnIdentity(variables: NodeJS.ProcessEnv): Promise<{ readonly recipient: string; readonly file: string }> {
  const file = ownIdentityFile(variables);
  const { identity, recipient } = await newKeyPair();
  await replaceFile({ path: file, content: `# public key: ${recipient}\n${identity}\n`, mode: PRIVATE_FILE });
  return { recipient, file };
}

/**
 * All secret keys of the one place that counts. Empty when no place was named and the user has no own file.
 * @throws EnvSyncError for a place that was named and has no key.
 */
export async function readIdentities(options: IdentityOptions, place: IdentityPlace): Promise<readonly string[]> {
  const source = sourceOf(options, place);
  if (source === undefined) {
    const file = ownIdentityFile(place.variables);
    return (await fromFile(file, file, true)) ?? [];
  }
  if (source.kind === 'file') return (await fromFile(resolve(place.workspaceRoot, source.file), source.said, false)) ?? [];
  return source.kind === 'text' ? keysIn(source.text, source.said) : fromCommand(source.argv, source.said, place);
}

type Source =
  | { readonly kind: 'file'; readonly file: string; readonly said: string }
  | { readonly kind: 'text'; readonly text: string; readonly said: string }
  | { readonly kind: 'command'; readonly argv: readonly string[]; readonly said: string };

function sourceOf({ identity, identityVariable, identityCommand }: IdentityOptions, { variables }: IdentityPlace): Source | undefined {
  const given = [identity, identityVariable, identityCommand].filter((each) => each !== undefined);
  if (given.length > 1) throw refused('more than one place of the secret key was named', 'name one of identity, identityVariable and identityCommand');
  if (identity !== undefined) return { kind: 'file', file: identity, said: printable(identity) };
  if (identityVariable !== undefined) {
    const text = variables[identityVariable] ?? '';
    if (text === '') throw refused(`the variable ${printable(identityVariable)} is not set`, 'set it to the secret key, or name another place', 'identityVariable');
    return { kind: 'text', text, said: `the variable ${printable(identityVariable)}` };
  }
  return identityCommand === undefined ? sourceInVariables(variables) : { kind: 'command', argv: identityCommand, said: 'identityCommand' };
}

function sourceInVariables(variables: NodeJS.ProcessEnv): Source | undefined {
  const of = (name: string): string | undefined => (variables[name] === '' ? undefined : variables[name]);
  const [text, file, command] = [of(IDENTITY_VARIABLES), of(`${IDENTITY_VARIABLES}_FILE`), of(`${IDENTITY_VARIABLES}_COMMAND`)];
  if (text !== undefined) return { kind: 'text', text, said: `the variable ${IDENTITY_VARIABLES}` };
  if (file !== undefined) return { kind: 'file', file, said: printable(file) };
  return command === undefined ? undefined : { kind: 'command', argv: argvIn(command), said: `the variable ${IDENTITY_VARIABLES}_COMMAND` };
}

/** A list of texts in JSON, so that no shell takes it apart. */
function argvIn(text: string): readonly string[] {
  try {
    const argv: unknown = JSON.parse(text);
    if (Array.isArray(argv) && argv.every((each) => typeof each === 'string')) return argv;
  } catch {
    // Told below: the text itself may hold what must not be shown.
  }
  throw refused(`the variable ${IDENTITY_VARIABLES}_COMMAND is no list of texts in JSON`, 'write it as ["program", "argument"]');
}

async function fromFile(path: string, said: string, optional: boolean): Promise<readonly string[] | undefined> {
  const file = await readTextFile(path);
  if (file.state === 'read') return keysIn(file.text, said);
  if (file.state === 'missing' && optional) return undefined;
  throw refused(`the file of the secret key ${file.state === 'missing' ? 'does not exist' : file.what}`, 'name the file that age-keygen or secrets-keygen wrote', printable(said));
}

/** What programs answered in this process: a vault is asked, or asks its user, once for all projects. By the variables that they were given. */
const answers = new WeakMap<NodeJS.ProcessEnv, Map<string, readonly string[]>>();

async function fromCommand(argv: readonly string[], said: string, place: IdentityPlace): Promise<readonly string[]> {
  const known = answers.get(place.variables) ?? new Map<string, readonly string[]>();
  answers.set(place.variables, known);
  const order = JSON.stringify([argv, place.workspaceRoot]);
  const keys = known.get(order) ?? await ask(argv, said, place);
  known.set(order, keys);
  return keys;
}

async function ask(argv: readonly string[], said: string, { workspaceRoot, variables }: IdentityPlace): Promise<readonly string[]> {
  if (argv.length === 0 || argv.some((each) => each.includes('\0'))) throw refused('the program that gives the secret key is not named', 'give program and arguments as a list', said);
  const end = await runProgram({ argv, cwd: workspaceRoot, variables, timeout: COMMAND_TIMEOUT, largest: LARGEST });
  if (end.state === 'failed') throw refused(`the program ${printable(argv[0] ?? '', 80)} that gives the secret key ${end.what}`, 'run it by hand to see what it says', said);
  return keysIn(end.output.toString('utf8'), said);
}

/** The format of age's own identity files: a key a line, comments after #. */
async function keysIn(text: string, said: string): Promise<readonly string[]> {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/).map((line) => line.trim());
  if (lines.some((line) => line.startsWith('-----BEGIN') || line.startsWith('age-encryption.org/'))) {
    throw refused('the secret key is itself encrypted, or of another program', 'give a key that begins with AGE-SECRET-KEY-1', printable(said));
  }
  const keys = lines.flatMap((line, index) => (line === '' || line.startsWith('#') ? [] : [{ line: index + 1, key: line }]));
  if (keys.length === 0) throw refused('no secret key is there', 'give a key that begins with AGE-SECRET-KEY-1', printable(said));
  const valid = await Promise.all(keys.map(async ({ key }) => isIdentity(key)));
  const wrong = keys.filter((_, index) => valid[index] === false);
  if (wrong.length > 0) throw refused(`line ${wrong.map(({ line }) => line).join(', ')} is no secret key of age`, 'a key begins with AGE-SECRET-KEY-1 and ends where age-keygen ended it', printable(said));
  return keys.map(({ key }) => key);
}

function refused(what: string, next: string, where?: string): EnvSyncError {
  return new EnvSyncError('refused', { what, next, ...(where === undefined ? {} : { where }) });
}
