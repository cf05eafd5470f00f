/** What differs between two releases, told without any value. */
import type { Release, ReleaseId } from '../model/index.js';
import type { Platform } from '../platforms/platform.js';
import type { ChangeResult, KeyChanges } from './request.js';

export async function describeChange(platform: Platform, release: Release, previousId: ReleaseId | undefined): Promise<Pick<ChangeResult, 'configuration' | 'size' | 'manifest'>> {
  const before = previousId === undefined ? undefined : await platform.state.releases.get(previousId);
  return {
    configuration: keyChanges(before?.config.keys ?? {}, release.config.keys),
    size: { bytes: release.artifact.bytes, ...(before === undefined ? {} : { before: before.artifact.bytes }) },
    manifest: {
      ...(release.manifest === undefined ? {} : { now: release.manifest }),
      ...(before?.manifest === undefined ? {} : { before: before.manifest }),
    },
  };
}

/** Names only; that a value changed is seen from its keyed fingerprint. */
export function keyChanges(before: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): KeyChanges {
  return {
    added: Object.keys(now).filter((name) => !Object.hasOwn(before, name)),
    removed: Object.keys(before).filter((name) => !Object.hasOwn(now, name)),
    changed: Object.keys(now).filter((name) => Object.hasOwn(before, name) && before[name] !== now[name]),
  };
}
