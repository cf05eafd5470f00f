/** What no image can hold is refused before anything is fetched or made. */
import { DeployError } from '../../../errors.js';
import type { OciImage } from '../../../config/resolved.js';
import { quoted } from '../../registry/plain.js';
import { isReserved } from './config.js';

const USER = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?$/;
const LARGEST_PORT = 65_535;

/** @throws DeployError ND-CONFIG-INVALID with every problem at once. */
export function assertOptions({ user, port, env, labels, command }: OciImage): void {
  const problems: string[] = [];
  const check = (fine: boolean, problem: string): void => { if (!fine) problems.push(problem); };
  check(USER.test(user), `user: must be a user, or user:group, as names or numbers, got ${quoted(user)}`);
  check(Number.isInteger(port) && port >= 1 && port <= LARGEST_PORT, `port: must be 1 to ${LARGEST_PORT}, got ${port}`);
  for (const [name, value] of Object.entries(env)) {
    check(name !== '' && !/[=\0]/.test(name), `env: ${quoted(name)} is no name of a variable`);
    check(!value.includes('\0'), `env: the value of ${quoted(name)} holds a NUL`);
  }
  for (const name of Object.keys(labels)) {
    check(name !== '', 'labels: a label has no name');
    check(!isReserved(name), `labels: ${quoted(name)} is one that the builder writes itself`);
  }
  check(command === undefined || (command.length > 0 && command[0] !== ''), 'command: must begin with a program');
  check(command?.some((word) => word.includes('\0')) !== true, 'command: a word holds a NUL');
  if (problems.length > 0) throw new DeployError('ND-CONFIG-INVALID', { what: 'the image cannot be built as it is described', problems, next: 'correct the artifact in deploy.json' });
}

/** What is possible and seldom meant. Names of users cannot be looked up: that would take the layers of the base. */
export function adviceOn({ user }: OciImage): readonly string[] {
  const [name = ''] = user.split(':');
  return /^0+$/.test(name) || name === 'root' ? ['the image runs as root; "user" in deploy.json names another one'] : [];
}
