/** From an executor's options to the check they describe. */
import { parseDuration } from '../duration.js';
import { checkHttp } from '../http/check-http.js';
import { printable, type CheckResult } from '../result.js';
import { parseStatusRanges, type StatusRange } from '../status.js';
import { checkTcp } from '../tcp.js';

export interface ProbeOptions {
  readonly url?: string;
  readonly tcp?: string;
  readonly method?: string;
  readonly healthy?: string;
  readonly degraded?: string;
}

export interface Probe {
  /** For messages: without credentials and query, where secrets stand. */
  readonly target: string;
  readonly kind: 'http' | 'tcp';
  readonly check: (timeoutMs: number, signal?: AbortSignal) => Promise<CheckResult>;
}

/** Collects what is wrong with the options, so that all of it can be told at once. */
export class Problems {
  readonly lines: string[] = [];

  add(option: string, must: string, value: unknown): void {
    this.lines.push(`${option}: must be ${must}, got ${printable(JSON.stringify(value) ?? 'nothing', 100)}`);
  }

  /** Milliseconds; 0 with a problem when the text is no duration above 0. */
  duration(option: string, text: string): number {
    const ms = parseDuration(text);
    if (ms === undefined || ms === 0) this.add(option, 'a duration such as 500ms, 30s or 2m', text);
    return ms ?? 0;
  }

  statuses(option: string, text: string): readonly StatusRange[] {
    try {
      return parseStatusRanges(text);
    } catch {
      this.add(option, 'statuses such as 200 or 200-299,401', text);
      return [];
    }
  }
}

/** Undefined, with problems, when the options name no target. */
export function probeOf(options: ProbeOptions, problems: Problems): Probe | undefined {
  const { url, tcp } = options;
  if (url !== undefined && tcp !== undefined) {
    problems.lines.push('url and tcp: only one of them may be given');
    return undefined;
  }
  return url === undefined ? tcpProbe(tcp ?? '', problems) : httpProbe(url, options, problems);
}

function httpProbe(text: string, { method = 'GET', healthy = '200-299', degraded = '206' }: ProbeOptions, problems: Problems): Probe | undefined {
  const expectStatus = {
    healthy: problems.statuses('healthy', healthy),
    degraded: degraded === 'none' ? [] : problems.statuses('degraded', degraded),
  };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    // The text itself may hold a password.
    problems.lines.push('url: must be an address such as http://127.0.0.1:8080/health');
    return undefined;
  }
  return {
    target: `${url.protocol}//${url.host}${url.pathname}`, kind: 'http',
    check: (timeoutMs, signal) => checkHttp({ url, method, expectStatus, timeoutMs, ...(signal === undefined ? {} : { signal }) }),
  };
}

function tcpProbe(text: string, problems: Problems): Probe | undefined {
  const match = /^(?:\[([0-9a-f:.%]+)\]|([a-z0-9._-]+)):(\d{1,5})$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535) {
    problems.add('tcp', 'host:port such as 127.0.0.1:5432 or [::1]:5432', text);
    return undefined;
  }
  return {
    target: `tcp ${text}`, kind: 'tcp',
    check: (timeoutMs, signal) => checkTcp({ host, port, timeoutMs, ...(signal === undefined ? {} : { signal }) }),
  };
}

/** Says what is wrong with the options; always resolves to a failure for Nx. */
export function refuse(executor: string, problems: Problems): { success: false } {
  process.stderr.write([`${executor} refused its options:`, ...problems.lines.map((line) => `  - ${line}`), ''].join('\n'));
  return { success: false };
}
