/** Who is asked by which kind of probe. */
import { checkHttp, checkTcp, type CheckResult } from 'nx-health';
import type { Ms, Probe, ProbeTarget } from '../model/index.js';
import { baseEnvironment, pick } from '../shell/environment.js';
import { run } from '../shell/run.js';
import type { Answer, Asker } from './probing.js';
import { prometheusAsker } from './prometheus.js';

/** What asking needs beside the probe itself. */
export interface ProbeMeans {
  /** Values of the variables that probes name; secret. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where commands run. */
  readonly cwd: string;
}

/** The release that is judged: its own origin, without the router. */
export type Origin = () => Promise<{ readonly host: string; readonly port: number } | undefined>;

/** Any check of nx-health, or one like them. */
export interface Check {
  run(signal: AbortSignal): Promise<CheckResult>;
}

export function askerOf({ target, timeout }: Probe, means: ProbeMeans, origin: Origin): Asker {
  switch (target.type) {
    case 'http': return fromCheck({ run: (signal) => askHttp(target, { timeout, signal }, origin) });
    case 'tcp': return fromCheck({ run: (signal) => checkTcp({ host: target.host, port: target.port, timeoutMs: timeout, signal }) });
    case 'command': return { ask: (signal) => askCommand(target, { timeout, signal }, means) };
    case 'prometheus': return prometheusAsker(target, timeout, target.token === undefined ? undefined : means.variables[target.token]);
  }
}

/** A degraded answer is a good one: what is degraded serves. What was answered is left out of the reason, which goes into the ledger and to channels. */
export function fromCheck(check: Check): Asker {
  return {
    async ask(signal): Promise<Answer> {
      const { status, reason } = await check.run(signal);
      return status === 'unhealthy' ? { kind: 'bad', reason: (reason ?? status).replace(/^(HTTP \d{3}): .*$/, '$1') } : { kind: 'good' };
    },
  };
}

interface Once {
  readonly timeout: Ms;
  readonly signal: AbortSignal;
}

async function askHttp({ url, status }: Extract<ProbeTarget, { type: 'http' }>, { timeout, signal }: Once, origin: Origin): Promise<CheckResult> {
  const whole = url.startsWith('/') ? await ofRelease(origin, url) : url;
  if (whole === undefined) return { status: 'unhealthy', ms: 0, reason: 'no instance can be reached' };
  return checkHttp({ url: whole, timeoutMs: timeout, signal, ...(status === undefined ? {} : { expectStatus: { healthy: [status], degraded: [] } }) });
}

async function ofRelease(origin: Origin, path: string): Promise<string | undefined> {
  const address = await origin();
  if (address === undefined) return undefined;
  return `http://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}${path}`;
}

/** That a command cannot be started, or does not end, says nothing of the release. What it prints is kept nowhere. */
async function askCommand({ run: argv, env }: Extract<ProbeTarget, { type: 'command' }>, { timeout, signal }: Once, { variables, cwd }: ProbeMeans): Promise<Answer> {
  const missing = env.find((name) => variables[name] === undefined);
  if (missing !== undefined) return { kind: 'error', reason: `the variable ${missing} is not set` };
  const result = await run(argv, {
    cwd, timeout, signal, env: { ...baseEnvironment(process.env), ...pick(variables, env) },
  });
  if (result.exitCode === 0) return { kind: 'good' };
  if (result.startError !== undefined) return { kind: 'error', reason: `it could not be started: ${result.startError}` };
  if (result.timedOut) return { kind: 'error', reason: `it did not end within ${timeout}ms` };
  return result.signal === undefined ? { kind: 'bad', reason: `exit code ${result.exitCode ?? 'none'}` } : { kind: 'error', reason: `ended by ${result.signal}` };
}
