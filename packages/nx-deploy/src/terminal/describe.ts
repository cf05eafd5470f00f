/** Events as words. Every function returns printable ASCII on one line. */
import { least, WEB, type Desired, type Observed, type ObservedRelease, type Scale } from '../model/index.js';
import { sanitize } from './sanitize.js';

/** `r1 3@75, r2 1@25`: instances and percent of the traffic, as the plan prints it; `r1 3@0 until <time>` for one that is kept warm. */
export function fleetText(desired: Desired): string {
  const parts = Object.entries(desired).map(([id, { processes, weight, until }]) =>
    `${sanitize(id)} ${scaleText(processes[WEB])}@${weight}${until === undefined ? '' : ` until ${until.slice(0, 19)}Z`}`);
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

function scaleText(scale: Scale | undefined): string {
  return scale === undefined || 'fixed' in scale ? String(least(scale)) : `${scale.min}-${scale.max}`;
}

/** `r1 2/2 ready 50%, r2 0/1 ready 0%`. */
export function observedText(observed: Observed): string {
  const parts = Object.entries(observed).map(([id, release]) => `${sanitize(id)} ${releaseText(release)}`);
  return parts.length === 0 ? 'nothing runs' : parts.join(', ');
}

function releaseText({ processes, weight }: ObservedRelease): string {
  const entries = Object.entries(processes);
  const others = entries.filter(([name]) => name !== WEB).map(([name, { ready, running }]) => ` ${sanitize(name)} ${ready}/${running}`).join('');
  const web = processes[WEB];
  const draining = entries.reduce((sum, [, counts]) => sum + counts.draining, 0);
  return `${web?.ready ?? 0}/${web?.running ?? 0} ready ${weight}%${others}${draining === 0 ? '' : ` (${draining} draining)`}`;
}
