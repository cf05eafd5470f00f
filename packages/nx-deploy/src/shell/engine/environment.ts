/**
 * Variables of a container without any value in an argv. Most go by a file (`--env-file`), which has one per line and no quoting, so that a value with a
 * line feed cannot stand there: such a one is handed on from the client's own environment (`--env=NAME`).
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeployError } from '../../errors.js';

export interface ContainerEnvironment {
  /** For the command line, in front of the image. */
  readonly args: readonly string[];
  /** For the client's environment, on top of what it needs itself. */
  readonly inherited: Readonly<Record<string, string>>;
}

/** Of docker's reader of the file (a bufio.Scanner), with room for the name. */
const LONGEST_LINE = 60_000;
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

/** Must it be handed on, because a line of the file would change it? Docker's and podman's readers trim the beginning of a line alone, podman's both ends. */
function needsInheritance(value: string): boolean {
  return /[\r\n]/.test(value) || value.trim() !== value || Buffer.byteLength(value) > LONGEST_LINE;
}

/**
 * The file has mode 0600 and is gone when `use` has ended. `reserved`: names that the client reads itself, which can only go by the file.
 * Rejects with ND-ENVIRONMENT-INVALID, naming every variable that cannot be handed over.
 */
export async function withEnvironment<T>(values: Readonly<Record<string, string>>, reserved: ReadonlySet<string>, use: (environment: ContainerEnvironment) => Promise<T>): Promise<T> {
  const entries = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  const problems = entries.flatMap(([name, value]) => problemOf(name, value, reserved));
  if (problems.length > 0) throw new DeployError('ND-ENVIRONMENT-INVALID', { what: 'the variables cannot be handed to a container', problems, next: 'rename or rewrite them' });
  const [inherited, filed] = [entries.filter(([, value]) => needsInheritance(value)), entries.filter(([, value]) => !needsInheritance(value))];
  const folder = await mkdtemp(join(tmpdir(), 'nx-deploy-env-'));
  try {
    const file = join(folder, 'env');
    await writeFile(file, filed.map(([name, value]) => `${name}=${value}\n`).join(''), { mode: 0o600, flag: 'wx' });
    return await use({ args: [`--env-file=${file}`, ...inherited.map(([name]) => `--env=${name}`)], inherited: Object.fromEntries(inherited) });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function problemOf(name: string, value: string, reserved: ReadonlySet<string>): readonly string[] {
  if (!NAME.test(name)) return [`${JSON.stringify(name)}: no name of a variable (letters, digits, _ . -)`];
  if (value.includes('\0')) return [`${name}: holds a NUL, which no environment can`];
  return needsInheritance(value) && reserved.has(name) ? [`${name}: the docker client reads this name itself, so that its value must be one line of less than ${LONGEST_LINE} bytes without space at its ends`] : [];
}
