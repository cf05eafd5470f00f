/** The fake fleet over a state store of real files in a temp folder. For tests only. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakePlatform } from '../apply/fake-platform.spec-support.js';
import type { Release } from '../model/index.js';
import { fileStateStore, memoryLock, type StateStore } from '../releases/index.js';

export class StatefulPlatform extends FakePlatform {
  constructor(private readonly store: StateStore, ...rest: ConstructorParameters<typeof FakePlatform>) {
    super(...rest);
  }

  override get state(): StateStore {
    return this.store;
  }

  override async stage(release: Release): Promise<void> {
    await this.store.releases.put(release);
    await super.stage(release);
  }
}

export interface TempState {
  readonly folder: string;
  readonly state: StateStore;
  remove(): Promise<void>;
}

export async function tempState(): Promise<TempState> {
  const folder = await mkdtemp(join(tmpdir(), 'nx-deploy-state-'));
  const state = fileStateStore({ folder, keyFile: join(folder, 'target.key'), lock: memoryLock('api (staging)') });
  return { folder, state, remove: () => rm(folder, { recursive: true, force: true }) };
}
