/** Runs the commands that deal with trouble on a workbench. For tests only. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TaskResult } from '../engine/task.js';
import { fileStateStore, keyName, memoryLock, STATE_SCHEMA, type JournalRecord, type StateStore } from '../releases/index.js';
import type { CommandContext } from './context.js';
import type { CommandResult } from './result.js';
import { Recorder, type Place, type Workbench } from './workbench.spec-support.js';

export interface Done {
  readonly exitCode: number;
  readonly document: TaskResult;
  readonly output: Recorder;
}

export async function done(bench: Workbench, command: (context: CommandContext) => Promise<CommandResult>, place: Place = {}): Promise<Done> {
  const output = new Recorder();
  return { ...await command(bench.context(place, output)), output } as Done;
}

export function folderOf(bench: Workbench, service = 'api'): string {
  return join(bench.home.services, keyName({ workspace: 'acme', environment: 'staging', service }));
}

/** The files of the service, seen past the agent. */
export function stateOf(bench: Workbench): StateStore {
  return fileStateStore({ folder: folderOf(bench), keyFile: bench.home.targetKey, lock: memoryLock('spec') });
}

/** Leaves the journal of a run that was killed on its way from one release to another. */
export async function interrupt(bench: Workbench, from: string, to: string, rest: Partial<JournalRecord> = {}): Promise<void> {
  const { journal, releases } = stateOf(bench);
  const records = (await releases.list()).map((release) => [release.id, release] as const);
  const fleet = (id: string): JournalRecord['from'] => ({ [id]: { processes: { web: { fixed: 1 } }, weight: 100 } });
  await journal.write({
    schema: STATE_SCHEMA, run: 'run-killed', action: 'deploy', actor: { user: 'ann', host: 'there', pid: 1 }, startedAt: '2026-01-31T12:00:00.000Z', epoch: 3,
    effect: { kind: 'scale', key: `${to} web=1` }, from: fleet(from), to: fleet(to), releases: Object.fromEntries(records), committed: false, ...rest,
  });
}

export async function namesIn(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch(() => []);
}
