import type { Digest } from '../oci.js';

/**
 * What a pull or push tells while it runs; printing is the caller's. For each blob: `bytes` many times, `again` for each new attempt, `done` once.
 * `bytes` are those that are over the wire (or were there already) and goes back when an attempt begins anew.
 */
export type RegistryEvent =
  | { readonly type: 'pull' | 'push'; readonly state: 'bytes'; readonly digest: Digest; readonly bytes: number; readonly total: number }
  | { readonly type: 'pull' | 'push'; readonly state: 'done'; readonly digest: Digest; readonly bytes: number; readonly total: number; readonly how: 'present' | 'mounted' | 'uploaded' | 'downloaded' }
  | { readonly type: 'pull' | 'push'; readonly state: 'again'; readonly digest?: Digest; readonly attempt: number; readonly why: string }
  | { readonly type: 'push'; readonly state: 'tagged'; readonly digest: Digest; readonly tag: string };

export type OnRegistryEvent = (event: RegistryEvent) => void;
