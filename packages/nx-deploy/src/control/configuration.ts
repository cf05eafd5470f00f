/** The configuration that the release with the traffic runs with. */
import { DeployError } from '../errors.js';
import { liveRelease } from '../model/index.js';
import { localPlatform } from '../platforms/local/platform.js';
import type { LocalService } from '../platforms/local/service.js';
import type { Platform } from '../platforms/platform.js';
import type { RunningConfiguration } from './protocol.js';

/** Empty where nothing has traffic. The values go over the socket, which only its owner may open, and nowhere else. */
export function runningConfiguration(service: LocalService): Promise<RunningConfiguration> {
  return configurationOf(localPlatform(service, service.record.listen ?? { address: '127.0.0.1' }));
}

export async function configurationOf(platform: Pick<Platform, 'list' | 'state'>): Promise<RunningConfiguration> {
  const { state } = platform;
  const live = liveRelease(await platform.list());
  if (live === undefined) return {};
  const release = await state.releases.get(live);
  if (release === undefined) throw new DeployError('ND-STATE-DAMAGED', { what: `the record of release ${live}, which has the traffic, is gone`, next: 'deploy again' });
  return { running: { release: live, ...await state.config.open(release.config) } };
}
