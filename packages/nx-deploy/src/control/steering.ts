/** How requests find their release, as deploy.json says it. */
import type { ChangeRequest } from '../engine/request.js';
import type { Steering } from '../platforms/local/record.js';

/** Undefined where what is in force stays: a rollback and an answer bring no settings along. */
export function wantedSteering({ change, strategy }: Pick<ChangeRequest, 'change' | 'strategy'>): Steering | undefined {
  if (change.action !== 'deploy' && change.action !== 'resume') return undefined;
  if (strategy.type !== 'canary') return {};
  return { ...(strategy.sticky ? { sticky: true } : {}), ...(strategy.header === undefined ? {} : { header: strategy.header }) };
}
