import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { agentHome } from '../../agent/home.js';
import { openBlobStore } from '../../archive/index.js';
import { storedArtifacts } from '../../control/artifacts.js';
import { Registry } from '../../control/registry.js';
import { createEmbeddedRouter } from '../../routers/embedded/index.js';
import { describePlatform } from '../contract/contract.js';
import type { Harness } from '../contract/harness.js';
import { serviceUnderTest } from '../contract/service.js';
import { localPlatform } from './platform.js';

const SHIM = join(__dirname, '../../../dist/bundles/shim.js');

async function open(): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'nx-deploy-contract-'));
  const home = agentHome({ NX_DEPLOY_HOME: folder });
  const router = createEmbeddedRouter();
  const blobs = openBlobStore(home.blobs);
  const artifacts = storedArtifacts(blobs, home);
  const log = (message: string, error?: unknown): void => void process.stderr.write(`${message}: ${String(error)}\n`);
  const registry = new Registry({ home, router, shim: SHIM, materialise: artifacts.materialise, log });
  return {
    folders: [folder],
    sealed: /\/config\/[0-9a-f]+\.json$/,
    async service(workspace, service, environment) {
      const key = { workspace, service, environment };
      const opened = await registry.open({ key, owner: workspace }, process.execPath);
      return serviceUnderTest({ key, artifacts, platform: () => localPlatform(opened, { address: '127.0.0.1' }) });
    },
    async close() {
      for (const service of registry.all()) {
        await Promise.all(service.supervisor.all().map((instance) => service.supervisor.stop(instance)));
        await service.forsake();
      }
      await router.close(0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

describePlatform({ name: 'local', missing: () => Promise.resolve(undefined), open });
