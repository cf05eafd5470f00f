import { DeployError } from '../errors.js';
import { formatDuration, type Check, type Gate, type Ms, type ReleaseId, type Step } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { Hands } from './hands.js';
import type { Asked } from './request.js';
import { soak, type Subject } from './soak.js';

export type { Subject } from './soak.js';

const CHECK_TIMEOUT: Ms = 10_000;

/** The error for the first step that this platform cannot do; to be asked before anything starts. */
export function unsupportedGates(steps: readonly Step[], platform: Pick<Platform, 'name' | 'metrics' | 'native'>): DeployError | undefined {
  const gates = steps.flatMap((step) => ('reach' in step ? step.then ?? [] : []));
  if (platform.metrics === undefined && gates.some((gate) => 'soak' in gate && (gate.analyse?.rules ?? []).length > 0)) {
    return inability(platform.name, 'count requests, errors and latency per release', 'take "analyse" out of the strategy');
  }
  const native = steps.find((step) => 'native' in step && platform.native?.[step.native] === undefined);
  if (native !== undefined && 'native' in native) return inability(platform.name, `do ${native.native} by itself`, 'use another strategy');
  return undefined;
}

function inability(platform: string, what: string, next: string): DeployError {
  return new DeployError('ND-ABILITY-MISSING', { what: `the platform ${platform} cannot ${what}`, next });
}

/**
 * Resolves with a question where a person is to be asked.
 * @throws DeployError ND-GATE-FAILED, ND-GATE-INCONCLUSIVE, ND-DEADLINE, ND-CANCELLED
 */
export async function passGate(hands: Hands, gate: Gate, subject: Subject): Promise<Asked | undefined> {
  if ('soak' in gate) {
    await hands.record({ kind: 'gate', key: `soak ${formatDuration(gate.soak)}` });
    return soak(hands, gate, subject);
  }
  if ('approve' in gate) return { gate: gate.approve, expires: gate.expires };
  await hands.record({ kind: 'gate', key: 'smoke' });
  for (const release of subject.arriving) await smoke(hands, release, gate.smoke);
  return undefined;
}

/** Asks the release directly, before it has traffic. All checks are made, so that all failures are told. */
async function smoke({ platform, bounds, emit }: Hands, release: ReleaseId, checks: readonly Check[]): Promise<void> {
  emit({ type: 'waiting', release, for: `${checks.length} smoke ${checks.length === 1 ? 'check' : 'checks'}` });
  const address = await bounds.ask(() => platform.address(release));
  if (address === undefined) throw failed(release, ['no instance can be reached directly'], 'smoke');
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const problems: string[] = [];
  for (const check of checks) {
    const problem = await bounds.ask(() => ask(`http://${host}:${address.port}`, check, Math.min(CHECK_TIMEOUT, bounds.remaining())));
    if (problem !== undefined) problems.push(`${check.path}: ${problem}`);
  }
  if (problems.length > 0) throw failed(release, problems, 'smoke');
}

async function ask(origin: string, { path, status }: Check, timeout: Ms): Promise<string | undefined> {
  try {
    const answer = await fetch(`${origin}${path}`, { redirect: 'manual', signal: AbortSignal.timeout(Math.ceil(timeout)), headers: { connection: 'close' } });
    await answer.body?.cancel();
    return answer.status === status ? undefined : `status ${answer.status}, expected ${status}`;
  } catch (thrown) {
    if (thrown instanceof Error && thrown.name === 'TimeoutError') return `no answer within ${formatDuration(timeout)}`;
    return `no answer (${reasonOf(thrown)})`;
  }
}

function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  if (!(cause instanceof Error)) return String(cause);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}

function failed(release: ReleaseId, problems: readonly string[], gate: string): DeployError {
  return new DeployError('ND-GATE-FAILED', {
    what: `release ${release} did not pass the ${gate} gate`,
    problems,
    next: 'fix the release, or the gate in the strategy, and deploy again',
  });
}
