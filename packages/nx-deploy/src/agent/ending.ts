/** How the process of an instance ends, and how it is made to. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ms } from '../model/index.js';
import { isAlive, sessionMembers, sessionMemory } from '../shell/process-table.js';
import { killGroup } from '../shell/run.js';
import type { ShimExit } from './shim.js';

const POLL: Ms = 50;
const KILL_POLL: Ms = 25;
const MEMORY_POLL: Ms = 2_000;
/** A process that SIGKILL does not end within this time hangs in the kernel. */
const KILL_LIMIT: Ms = 10_000;

export function signalOne(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // ESRCH: it has ended.
  }
}

/** Resolves when this very process has ended. */
export async function untilGone(pid: number, known: string): Promise<void> {
  while (await isAlive(pid, known)) await sleep(POLL, undefined, { ref: false });
}

/** SIGTERM to the leader, and SIGKILL to what is left of its session after `patience`. */
export async function stopSession(leader: number, known: string, patience: Ms): Promise<void> {
  signalOne(leader, 'SIGTERM');
  await Promise.race([untilGone(leader, known), sleep(patience, undefined, { ref: false })]);
  await endSession(leader);
}

/** SIGKILL to the group of `leader` and to those that left the group but not the session. Rejects when some do not end. */
export async function endSession(leader: number): Promise<void> {
  killGroup(leader);
  const end = performance.now() + KILL_LIMIT;
  for (;;) {
    const members = await sessionMembers(leader);
    if (members.length === 0) return;
    if (performance.now() > end) throw new Error(`${members.length} processes did not end: ${members.join(', ')}`);
    for (const member of members) signalOne(member, 'SIGKILL');
    await sleep(KILL_POLL);
  }
}

/** For people, from what the shim wrote. */
export function exitReason(exitFile: string): string {
  try {
    const end = JSON.parse(readFileSync(exitFile, 'utf8')) as ShimExit;
    if (end.error !== undefined) return `it ${end.error}`;
    return end.signal === null ? `it exited with code ${end.code ?? 0}` : `it was ended by ${end.signal}`;
  } catch {
    return 'it ended without a trace (killed)';
  }
}

/** Resolves with the bytes in use once a session uses more than `limit`; with undefined when the signal aborts first. */
export async function memoryOver(limit: number, leader: number, signal: AbortSignal): Promise<number | undefined> {
  while (!signal.aborted) {
    await sleep(MEMORY_POLL, undefined, { signal, ref: false }).catch(() => undefined);
    const used = signal.aborted ? 0 : await sessionMemory(leader);
    if (used > limit) return used;
  }
  return undefined;
}
