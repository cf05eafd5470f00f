/** docker-credential-helpers: `docker-credential-<name> get` reads the server on its standard input and prints JSON. */
import { DeployError } from '../../errors.js';
import { ask, type Answer } from '../../shell/ask.js';
import type { Credential } from './credentials.js';
import { plain, quoted } from './plain.js';

export interface HelperQuestion {
  readonly name: string;
  /** As `docker login` stored it. */
  readonly server: string;
  /** The file that names the helper. */
  readonly file: string;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
}

const NAME = /^[A-Za-z0-9._-]{1,100}$/;
/** A helper may ask a cloud, or wait until the user unlocks the key ring. */
const TIMEOUT = 30_000;
const LONGEST_ANSWER = 1_048_576;
const NONE = /credentials not found|no credentials server URL|no credentials username/i;

/** Undefined when the helper knows nothing of the server. @throws DeployError ND-REGISTRY-CREDENTIALS that names the helper and nothing that it printed. */
export async function askHelper(question: HelperQuestion, timeout = TIMEOUT): Promise<Credential | undefined> {
  const { name, server, file, env, signal } = question;
  if (!NAME.test(name)) throw new DeployError('ND-REGISTRY-CREDENTIALS', {
    what: `${quoted(name)} is no name of a credential helper`, where: file, why: 'it has letters, digits, ".", "_" and "-" only', next: 'correct credsStore or credHelpers there',
  });
  const program = `docker-credential-${name}`;
  // The helper gets the whole environment: it is where a cloud's own credentials stand.
  const whole = Object.fromEntries(Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
  const answer = await ask([program, 'get'], server, { cwd: process.cwd(), env: whole, timeout, limit: LONGEST_ANSWER, ...(signal === undefined ? {} : { signal }) });
  if (answer.cancelled) throw new DeployError('ND-CANCELLED', { what: 'the search for credentials was cancelled' });
  if (answer.exitCode !== 0 && NONE.test(answer.output)) return undefined;
  const credential = parse(answer);
  if (credential === undefined) throw failed(question, program, reason(answer, timeout));
  return credential.secret === '' ? undefined : credential;
}

function parse(answer: Answer): Credential | undefined {
  if (answer.exitCode !== 0 || answer.tooLong || answer.timedOut) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(answer.output);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { Username: username, Secret: secret } = value as Record<string, unknown>;
  if (typeof username !== 'string' || typeof secret !== 'string') return undefined;
  return username === '<token>' ? { kind: 'identity', secret } : { kind: 'password', username, secret };
}

function reason(answer: Answer, timeout: number): string {
  if (answer.unstarted) return 'it is not on the PATH, or cannot be started';
  if (answer.timedOut) return `it did not answer within ${timeout / 1_000} s`;
  if (answer.tooLong) return `it printed more than ${LONGEST_ANSWER} bytes`;
  if (answer.exitCode === undefined) return 'a signal ended it';
  return answer.exitCode === 0 ? 'what it printed is not {"Username": ..., "Secret": ...}' : `it ended with exit code ${answer.exitCode}`;
}

function failed({ server, file }: HelperQuestion, program: string, why: string): DeployError {
  return new DeployError('ND-REGISTRY-CREDENTIALS', {
    what: `the credential helper ${program} failed for ${plain(server)}`, where: file, why,
    next: `see what it says: echo ${plain(server)} | ${program} get (it prints the secret when it works); or log in again`,
  });
}
