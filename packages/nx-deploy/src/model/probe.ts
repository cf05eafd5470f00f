import type { Ms } from './time.js';

/** Who is asked, and what a good answer is. Secrets are named, and stand elsewhere. */
export type ProbeTarget =
  /** `url`: a path of the release itself, asked directly, or a whole URL. Without `status` every 2xx is good. */
  | { readonly type: 'http'; readonly url: string; readonly status?: number }
  | { readonly type: 'tcp'; readonly host: string; readonly port: number }
  /** Good when it exits with 0. `env`: names of variables that it may see. */
  | { readonly type: 'command'; readonly run: readonly string[]; readonly env: readonly string[] }
  /** The result of the query (PromQL, one number) is good when it is below, or above, this. `token`: name of the variable with a bearer token. */
  | { readonly type: 'prometheus'; readonly url: string; readonly query: string; readonly bound: 'below' | 'above'; readonly limit: number; readonly token?: string };

/** Something that is asked again and again while a release is judged, beside what the router counts. */
export interface Probe {
  /** For messages. */
  readonly name: string;
  readonly target: ProbeTarget;
  readonly interval: Ms;
  readonly timeout: Ms;
  /** So many bad answers in a row fail the release. */
  readonly failures: number;
  /** So many in a row that could not be asked leave it open. */
  readonly errors: number;
}

/** Names of the variables that asking needs. */
export function variablesOf({ target }: Probe): readonly string[] {
  if (target.type === 'command') return target.env;
  return target.type === 'prometheus' && target.token !== undefined ? [target.token] : [];
}
