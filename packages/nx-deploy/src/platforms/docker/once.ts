/** A command that runs once in a container of a release's image: a migration, say. */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { DeployError } from '../../errors.js';
import { formatDuration, type Emit, type Ms, type ReleaseId } from '../../model/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { redactor } from '../../shell/redactor.js';
import { furtherNetworks, instanceVariables, onceArguments } from './arguments.js';
import { containerName, serviceLabels } from './labels.js';
import type { OnceOrder } from '../platform.js';
import { NETWORK } from './network.js';
import type { DockerService } from './service.js';

const LINES_SHOWN = 200;
const LINES_KEPT = 10;
const SOURCE = 'release command';
const REMOVAL: Ms = 60_000;

/** Rejects with ND-HOOK-FAILED when it fails or takes too long, and ends it then. It has the variables of the release, and its mounts and networks. */
export async function runOnce(service: DockerService, { release: id, command, timeout, emit, signal }: OnceOrder & { readonly release: ReleaseId }): Promise<void> {
  const { client, target: { key }, state } = service.parts;
  const release = await service.release(id);
  const { values, secrets } = await state.config.open(release.config);
  const redact = redactor(Object.fromEntries(secrets.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]]]))));
  await endLeft(service);
  const name = `${containerName(key, 'once')}-${randomBytes(4).toString('hex')}`;
  const said = new Said(emit);
  const variables = { ...values, ...instanceVariables({ key, release, process: 'release', slot: 1 }) };
  const { exitCode, timedOut } = await client.withEnvironment(variables, async ({ args, inherited }) => {
    try {
      await client.ask(`make a container for the ${SOURCE}`, onceArguments({ key, release, network: NETWORK }, name, args, command), { inherited });
      for (const network of furtherNetworks({ release })) await client.ask(`join the network ${network}`, ['network', 'connect', network, name]);
      return await attach(client, name, { timeout, signal, line: (line) => said.take(redact.replace(line)) });
    } finally {
      // One that was not started stays.
      await client.objects.remove('remove a container', name, REMOVAL).catch(() => undefined);
    }
  });
  said.end();
  if (signal?.aborted === true) throw signal.reason instanceof DeployError ? signal.reason : new DeployError('ND-CANCELLED', { what: `the run was cancelled while the ${SOURCE} ran, which was ended`, next: 'deploy again when ready' });
  if (exitCode === 0 && !timedOut) return;
  throw new DeployError('ND-HOOK-FAILED', {
    what: `the ${SOURCE} failed`, where: `deploy.json, container.release: ${redact.replace(JSON.stringify(command))}`,
    why: timedOut ? `it ran longer than ${formatDuration(timeout)} and was ended` : `it exited with code ${exitCode}`, problems: said.tail,
    next: 'nothing of the new release has traffic; correct what its last lines say and deploy again',
  });
}

/** What it prints: the first lines as they come, and the last ones for an error. */
class Said {
  readonly tail: string[] = [];
  private lines = 0;

  constructor(private readonly emit: Emit) {}

  take(line: string): void {
    this.lines += 1;
    if (this.lines <= LINES_SHOWN) this.emit({ type: 'output', source: SOURCE, line });
    this.tail.push(line);
    if (this.tail.length > LINES_KEPT) this.tail.shift();
  }

  end(): void {
    if (this.lines > LINES_SHOWN) this.emit({ type: 'note', text: `${SOURCE}: ${this.lines - LINES_SHOWN} more lines of output are not shown` });
  }
}

interface Watch {
  readonly timeout: Ms;
  readonly signal: AbortSignal | undefined;
  readonly line: (line: string) => void;
}

/** Starts a container that was made, and stays with it until it has ended; at the timeout and on abort it is ended. */
async function attach(client: EngineClient, name: string, { timeout, signal, line }: Watch): Promise<{ readonly exitCode: number; readonly timedOut: boolean }> {
  const program = await client.stream(['start', '--attach', name]);
  program.stdin.end();
  const read = async (source: Readable): Promise<void> => {
    for await (const text of createInterface({ input: source, crlfDelay: Infinity })) line(text);
  };
  let timedOut = false;
  const stop = (): void => { void client.objects.remove('end the command', name, REMOVAL).then(() => program.end(), () => program.end()); };
  const timer = setTimeout(() => { timedOut = true; stop(); }, timeout);
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted === true) stop();
  const [exitCode] = await Promise.all([program.ended, read(program.stdout), read(program.stderr)]);
  clearTimeout(timer);
  signal?.removeEventListener('abort', stop);
  return { exitCode, timedOut };
}

/** What a killed run left: two of them at once may be what a migration cannot bear. Whoever calls this holds the lock. */
async function endLeft({ parts: { client, target: { key } } }: DockerService): Promise<void> {
  const left = await client.objects.list('look for an earlier command', { labels: serviceLabels(key, 'once') });
  await Promise.all(left.map(({ id }) => client.objects.remove('end an earlier command', id, REMOVAL)));
}
