/** The router of an engine, and instances of it, for specs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseArchive } from '../../../../../tools/images/base-image.js';
import { find } from '../../../../../tools/bench/programs.js';
import type { TestEngine } from '../../../../../tools/images/engine.spec-support.js';
import { makeHaproxyImage, NEWER_HAPROXY } from '../../../../../tools/images/haproxy-image.js';
import type { HaproxyRoute } from '../../routers/haproxy/index.js';
import { EngineClient } from '../../shell/engine/index.js';
import { NETWORK } from './network.js';
import { STATE_VOLUME } from './labels.js';
import { ROUTER, ROUTER_VOLUME, type RouterMode } from './router-arguments.js';
import { RouterContainer } from './router-container.js';

export const IMAGE = 'haproxy:spec';
export const RELEASE = `r${'a'.repeat(12)}`;

export async function loadRouterImage(engine: TestEngine, ...tags: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'nxd-image-'));
  try {
    engine.docker(['load'], await baseArchive(await makeHaproxyImage(folder), IMAGE));
    for (const tag of tags) engine.docker(['tag', IMAGE, tag]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** One of a later line of HAProxy, as what is upgraded to mostly is; where that is missing, another image with the same in it. */
export async function loadOtherRouterImage(engine: TestEngine, tag: string): Promise<void> {
  if (find(NEWER_HAPROXY) === undefined) {
    if (process.env['CI'] === 'true') throw new Error(`not installed: ${NEWER_HAPROXY} (tools/signing/newer-programs.sh)`);
    process.stdout.write(`\nSKIPPED: an upgrade to a later line of HAProxy: not installed: ${NEWER_HAPROXY} (tools/signing/newer-programs.sh)\n`);
    engine.docker(['create', '--name=other', IMAGE]);
    engine.docker(['commit', '--change=LABEL other=1', 'other', tag]);
    engine.docker(['rm', 'other']);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'nxd-image-'));
  try {
    engine.docker(['load'], await baseArchive(await makeHaproxyImage(folder, 'newer'), tag));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function clientOf(engine: TestEngine): EngineClient {
  return new EngineClient({ program: 'docker', variables: engine.env });
}

export interface Routers {
  open(more?: { readonly image?: string; readonly network?: RouterMode }): RouterContainer;
  /** Closes all that were opened, and leaves nothing of the router on the engine. */
  clear(): Promise<void>;
}

export function routersOf(engine: TestEngine): Routers {
  const opened: RouterContainer[] = [];
  return {
    open: ({ image = IMAGE, network = 'host' } = {}) => {
      const container = new RouterContainer({ client: clientOf(engine), image, network });
      opened.push(container);
      return container;
    },
    clear: async () => {
      await Promise.all(opened.splice(0).map((container) => container.close()));
      const containers = engine.docker(['ps', '--all', '--quiet']).split('\n').filter((id) => id !== '');
      if (containers.length > 0) engine.docker(['rm', '--force', '--volumes', ...containers]);
      const there = engine.docker(['volume', 'ls', '--quiet']).split('\n');
      for (const volume of [ROUTER_VOLUME, STATE_VOLUME].filter((name) => there.includes(name))) engine.docker(['volume', 'rm', volume]);
      if (engine.docker(['network', 'ls', '--format={{.Name}}']).split('\n').includes(NETWORK)) engine.docker(['network', 'rm', NETWORK]);
    },
  };
}

/** A container that answers HTTP on port 8080 with its name. */
export function startInstance(engine: TestEngine, name: string, address: string): void {
  const answer = `HTTP/1.1 200 OK\\r\\nx-release: ${RELEASE}\\r\\nContent-Length: ${name.length}\\r\\nConnection: close\\r\\n\\r\\n${name}`;
  const program = 'use Socket; socket(S,PF_INET,SOCK_STREAM,0); setsockopt(S,SOL_SOCKET,SO_REUSEADDR,1); bind(S,sockaddr_in(8080,INADDR_ANY)) or die; listen(S,128); $SIG{TERM}=sub{exit};'
    + 'while(1){ accept(C,S) or next; my $t=""; while($t !~ /\\r\\n\\r\\n/){ sysread(C,$t,4096,length $t) or last } syswrite(C,$ARGV[0]); close C }';
  engine.docker(['run', '--detach', `--name=${name}`, `--network=${NETWORK}`, `--ip=${address}`, IMAGE, 'perl', '-e', program, answer.replaceAll('\\r\\n', '\r\n')]);
}

export function routeTo(port: number, hosts: readonly string[], rest: Partial<HaproxyRoute> = {}): HaproxyRoute {
  const targets = hosts.map((host, index) => ({ id: `${RELEASE}/web.${index + 1}`, release: RELEASE, host, port: 8_080 }));
  return { key: 'api (test, acme)', listen: { address: '127.0.0.1', port }, weights: { [RELEASE]: 100 }, targets, drain: 30_000, ...rest };
}

/** A program of somebody else that has the port; the caller closes it. */
export async function occupy(port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((done) => { server.listen(port, '127.0.0.1', done); });
  return server;
}

export { ROUTER };
