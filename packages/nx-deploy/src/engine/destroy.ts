/** Takes a service out of service for good. Only the ledger stays. */
import { DeployError } from '../errors.js';
import { removeAll } from './prune.js';
import type { HeldTask, TaskOrder, TaskPart } from './task.js';

/**
 * Out of the traffic, drained, ended, removed, in this order. It writes no journal: recovery never leads to nothing, so what was interrupted is
 * finished by the same command again.
 */
export async function destroy(task: HeldTask, { dryRun }: Extract<TaskOrder, { action: 'destroy' }>): Promise<TaskPart> {
  const { platform, request, say, lease } = task;
  const { ledger, journal, releases } = platform.state;
  const running = Object.keys(await platform.list());
  // A record that cannot be read is no reason to keep what it describes.
  const stored = (await releases.list().catch(() => [])).map(({ id, artifact }) => ({ id, bytes: artifact.bytes }));
  const url = await platform.url();
  if (dryRun) {
    for (const note of [...running.map((id) => `would end release ${id}`), ...stored.map(({ id }) => `would remove release ${id}`)]) say(note);
    return { outcome: 'planned', removed: { releases: stored, content: await task.sweep(stored, true) }, ...(url === undefined ? {} : { url }) };
  }
  if (running.length === 0 && stored.length === 0 && url === undefined && (await ledger.entries()).at(-1)?.kind === 'destroyed') return { outcome: 'unchanged' };
  const common = { run: request.run, actor: request.actor, releases: stored.map(({ id }) => id) };
  await lease?.assert();
  await ledger.append({ kind: 'destroy', at: new Date().toISOString(), ...common });
  task.begin();
  await platform.withdraw();
  if (url !== undefined) say(`${url} is closed`);
  await lease?.assert();
  await endAll(task);
  await lease?.assert();
  for (const { id } of await removeAll(task, stored)) say(`removed release ${id}`);
  await platform.erase();
  await journal.clear();
  const { hash } = await ledger.append({ kind: 'destroyed', at: new Date().toISOString(), ...common });
  return { outcome: 'done', removed: { releases: stored, content: await task.sweep([], false) }, ledgerHead: hash };
}

async function endAll({ platform, say }: HeldTask): Promise<void> {
  await Promise.all(Object.entries(await platform.list()).map(async ([id, { processes }]) => {
    await platform.scale(id, Object.fromEntries(Object.keys(processes).map((name) => [name, { fixed: 0 }])));
    say(`ended release ${id}`);
  }));
  const left = Object.keys(await platform.list());
  if (left.length === 0) return;
  throw new DeployError('ND-NOT-RESTORED', {
    what: `the service is out of the traffic, but not all of it has ended: ${left.join(', ')}`, next: 'run destroy again; status shows what still runs',
  });
}
