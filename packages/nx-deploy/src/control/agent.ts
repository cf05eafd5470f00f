/** The agent: one background process per user that runs instances, routes their traffic and walks deploys. */
import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from 'node:http';
import { openBlobStore } from '../archive/index.js';
import type { Home } from '../agent/home.js';
import { createEmbeddedRouter } from '../routers/embedded/index.js';
import { createAgentLog, type AgentLog } from './agent-log.js';
import { PROTOCOL, type Hello } from './protocol.js';
import { Registry } from './registry.js';
import { openControl } from './server.js';
import { isInCharge, takeCharge } from './sole.js';
import { storedArtifacts } from './artifacts.js';

export interface AgentOptions {
  readonly home: Home;
  readonly shim: string;
  readonly version: string;
}

export interface Agent {
  readonly log: AgentLog;
  /** Resolves when the agent has left. */
  readonly left: Promise<void>;
  /** Leaves; with `instances`, after ending all that runs. */
  stop(instances: boolean): Promise<void>;
}

const ROUTER_CLOSE = 10_000;
const CHARGE_POLL = 2_000;

/** Undefined when another agent is in charge of this home. */
export async function startAgent({ home, shim, version }: AgentOptions): Promise<Agent | undefined> {
  if (!await takeCharge(home.lockFile)) return undefined;
  const log = createAgentLog(home.logs);
  const router = createEmbeddedRouter();
  const artifacts = storedArtifacts(openBlobStore(home.blobs), home);
  const registry = new Registry({ home, router, shim, materialise: (digest, target) => artifacts.materialise(digest, target), log: (message, error) => log.warn(message, error) });
  await registry.restore();
  registry.recover((message, facts) => log.info(message, { facts }));
  const hello: Hello = { protocol: PROTOCOL, version, pid: process.pid, startedAt: new Date().toISOString(), home: home.folder, log: log.file };
  let resolveLeft: () => void = () => undefined;
  const left = new Promise<void>((resolve) => { resolveLeft = resolve; });
  const end = async (instances: boolean): Promise<() => void> => {
    log.info('leaving', { instances });
    await Promise.all(registry.all().map(async (service) => {
      if (instances) await Promise.all(service.supervisor.all().map((instance) => service.supervisor.stop(instance)));
      await service.forsake();
    }));
    const closed = router.close(instances ? 0 : ROUTER_CLOSE);
    return () => {
      server.close();
      // Whoever follows logs is told now, not when the router has closed.
      server.closeAllConnections();
      void closed.then(() => release(home)).then(resolveLeft);
    };
  };
  const stop = async (instances: boolean): Promise<void> => {
    (await end(instances))();
    await left;
  };
  const server: Server = await openControl({ socket: home.socket, hello, registry, prune: (used, dryRun) => artifacts.prune(used, dryRun), log: (message, facts) => log.info(message, facts), stop: end });
  log.info('started', hello);
  void leaveWhenReplaced(home, log, left, stop);
  return { log, left, stop };
}

/** From here on another agent may take charge. */
async function release(home: Home): Promise<void> {
  if (!await isInCharge(home.lockFile)) return;
  await rm(home.socket, { force: true });
  await rm(home.lockFile, { force: true });
}

/** Should two have taken charge at the same moment after all, the one that the file does not name leaves. */
async function leaveWhenReplaced(home: Home, log: AgentLog, left: Promise<void>, stop: (instances: boolean) => Promise<void>): Promise<void> {
  let over = false;
  void left.then(() => { over = true; });
  while (!over) {
    await sleep(CHARGE_POLL, undefined, { ref: false });
    if (!over && !await isInCharge(home.lockFile)) {
      log.warn('another agent is in charge of this home');
      await stop(false);
      return;
    }
  }
}
