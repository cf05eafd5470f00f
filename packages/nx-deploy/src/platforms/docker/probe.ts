import type { Ms } from '../../model/index.js';

/** A GET that is made from where the router is. */
export interface ProbeRequest {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly timeout: Ms;
}

export type ProbeResult = { readonly status: number } | { readonly failure: string };

/** Asks all at once; one answer for each, in their order. */
export type Probe = (requests: readonly ProbeRequest[]) => Promise<readonly ProbeResult[]>;
