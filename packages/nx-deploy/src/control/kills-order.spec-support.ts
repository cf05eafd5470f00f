/** What the agent's program of the tests is told, and where. */
export interface AgentKill {
  /** Counts writes of the journal and the ledger from 1. */
  readonly at: number;
  /** before: the write itself does not happen. after: what it announces does not happen. A number: that much later, ms. */
  readonly when: 'before' | 'after' | number;
  /** File that takes a line for each write. */
  readonly steps: string;
  /** The ends of instances and the times of warm releases count as writes too. */
  readonly stops?: true;
  /** The standby is killed as well, just before. */
  readonly both?: boolean;
  /** What is to happen to the recovery. */
  readonly next?: AgentKill;
}

export const KILL_FILE = 'kill.json';
export const VIOLATIONS_FILE = 'violations';
