/** A command that runs once in a container of a release's image: a migration, say. */
import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { DeployError } from '../../errors.js';
import { formatDuration, type Ms, type ReleaseId } from '../../model/index.js';
import { redactor } from '../../shell/redactor.js';
import { instanceVariables, onceArguments } from './arguments.js';
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
  const tail: string[] = [];
  let lines = 0;
  let timedOut = false;
  const exitCode = await client.withEnvironment({ ...values, ...instanceVariables({ key, release, process: 'release', slot: 1 }) }, async ({ args, inherited }) => {
    const program = await client.stream(onceArguments({ key, release, network: NETWORK }, name, args, command), inherited);
    program.stdin.end();
    const read = async (source: Readable): Promise<void> => {
      for await (const text of createInterface({ input: source, crlfDelay: Infinity })) {
        const line = redact.replace(text);
        lines += 1;
        if (lines <= LINES_SHOWN) emit({ type: 'output', source: SOURCE, line });
        tail.push(line);
        if (tail.length > LINES_KEPT) tail.shift();
      }
    };
    const stop = (): void => { void client.call('end the command', ['rm', '--force', name]).then(() => program.end(), () => program.end()); };
    const timer = setTimeout(() => { timedOut = true; stop(); }, timeout);
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
    const [ended] = await Promise.all([program.ended, read(program.stdout), read(program.stderr)]);
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    return ended;
  });
  if (lines > LINES_SHOWN) emit({ type: 'note', text: `${SOURCE}: ${lines - LINES_SHOWN} more lines of output are not shown` });
  if (signal?.aborted === true) throw signal.reason instanceof DeployError ? signal.reason : new DeployError('ND-CANCELLED', { what: `the run was cancelled while the ${SOURCE} ran, which was ended`, next: 'deploy again when ready' });
  if (exitCode === 0 && !timedOut) return;
  throw new DeployError('ND-HOOK-FAILED', {
    what: `the ${SOURCE} failed`, where: `deploy.json, container.release: ${redact.replace(JSON.stringify(command))}`,
    why: timedOut ? `it ran longer than ${formatDuration(timeout)} and was ended` : `it exited with code ${exitCode}`, problems: tail,
    next: 'nothing of the new release has traffic; correct what its last lines say and deploy again',
  });
}

/** What a killed run left: two of them at once may be what a migration cannot bear. Whoever calls this holds the lock. */
async function endLeft({ parts: { client, target: { key } } }: DockerService): Promise<void> {
  const left = await client.objects.list('look for an earlier command', { labels: serviceLabels(key, 'once') });
  await Promise.all(left.map(({ id }) => client.objects.remove('end an earlier command', id, REMOVAL)));
}
