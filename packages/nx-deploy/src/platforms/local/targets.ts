/** Which instances the router sends requests to. */
import type { Instance } from '../../agent/instance.js';
import { WEB } from '../../model/index.js';
import type { Target } from '../../routers/router.js';

/** Ready instances get the traffic. When a release has none, those that were ready before get it rather than nobody. */
export function targetsOf(instances: readonly Instance[]): readonly Target[] {
  const web = instances.filter((instance) => instance.record.process === WEB && instance.alive);
  const releases = [...new Set(web.map((instance) => instance.record.release))];
  return releases.flatMap((release) => {
    const mine = web.filter((instance) => instance.record.release === release);
    const ready = mine.filter((instance) => instance.state === 'ready');
    return (ready.length > 0 ? ready : mine.filter((instance) => instance.state === 'unready')).map(asTarget);
  });
}

/** Unique across releases, so that the same slot of two releases is two targets. */
export function targetId(instance: Instance): string {
  return `${instance.record.release}/${instance.record.id}`;
}

function asTarget(instance: Instance): Target {
  return { id: targetId(instance), release: instance.record.release, host: '127.0.0.1', port: instance.record.port };
}
