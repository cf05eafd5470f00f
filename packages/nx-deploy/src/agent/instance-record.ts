/** What is kept on disk of a slot, enough to find its process again. */
export interface InstanceRecord {
  /** `<process>.<slot>`, unique within its release. */
  readonly id: string;
  readonly release: string;
  readonly process: string;
  readonly slot: number;
  readonly port: number;
  readonly pid?: number;
  readonly identity?: string;
  /** It answered its checks when this was written. */
  readonly ready?: true;
}

/**
 * starting: runs, not yet ready. ready: answers its checks. unready: was ready, now fails them. backoff: ended, will be started again.
 * draining: out of the traffic, finishing. stopped: gone for good.
 */
export type InstanceState = 'starting' | 'ready' | 'unready' | 'backoff' | 'draining' | 'stopped';
