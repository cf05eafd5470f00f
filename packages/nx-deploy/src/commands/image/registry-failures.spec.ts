/** What `push-image` says of registries that never get done: one error in time, and no tag. */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { faults, startFaultProxy, type Fault, type FaultProxy } from '../../../../../tools/images/fault-proxy.js';
import { describeWith, startRegistry, status, type RealRegistry } from '../../image/registry/live.spec-support.js';
import type * as Registry from '../../image/registry/index.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { buildImage } from '../build-image.js';
import { commandContext, type CommandContext } from '../context.js';
import { pushImage } from '../push-image.js';
import { Recorder } from '../workbench.spec-support.js';
import { smallBuilder } from './images.spec-support.js';

/** The product's own client with less patience: half a minute of silence and six attempts take long. */
jest.mock('../../image/registry/index.js', () => {
  const actual = jest.requireActual<typeof Registry>('../../image/registry/index.js');
  return { ...actual, openRegistries: (options: Parameters<typeof actual.openRegistries>[0]) => actual.openRegistries({ ...options, quiet: 300, retry: { attempts: 2, pause: 10 } }) };
});

const everything = temporaryFolder('registry-failures');
const UPLOAD = /\/blobs\/uploads\/[^?]/;
const MANIFEST = /\/manifests\//;

/** The headers come a byte at a time. */
const slowLoris: Fault = ({ socket }) => {
  const text = 'HTTP/1.1 201 Created\r\nx-header: ';
  let at = 0;
  const timer = setInterval(() => {
    socket.write(text[at] ?? 'x');
    at += 1;
  }, 20);
  socket.on('close', () => clearInterval(timer));
};
/** Nothing of the body is read. */
const deaf: Fault = (request) => { request.pause(); };

describeWith(['docker-registry'], 'push-image to a registry that', () => {
  let registry: RealRegistry;
  let proxy: FaultProxy;
  let output: Recorder;
  let number = 0;
  beforeAll(async () => {
    registry = await startRegistry();
    proxy = await startFaultProxy(`http://${registry.host}`);
  });
  afterEach(() => proxy.reset());
  afterAll(async () => {
    await proxy.close();
    await registry.stop();
  });

  async function built(): Promise<{ readonly name: string; readonly context: () => CommandContext }> {
    const folder = mkdtempSync(join(everything, 'shop-'));
    const name = `team/n${number += 1}`;
    const write = (path: string, text: string): void => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    };
    write('clone/nx.json', '{}');
    write('clone/apps/api/dist/main.js', 'one');
    write('clone/apps/api/deploy.json', JSON.stringify({ artifact: { type: 'image', push: [{ repository: `${proxy.host}/${name}`, tags: ['x', 'y'] }] }, environments: { staging: {} } }));
    const context = (): CommandContext => {
      output = new Recorder();
      return commandContext({ workspaceRoot: join(folder, 'clone'), projectName: 'api', projectRoot: 'apps/api', environment: undefined, variables: { NX_DEPLOY_HOME: join(folder, 'home') } }, output);
    };
    expect((await buildImage(context(), {}, () => Promise.resolve({}), smallBuilder().builders)).exitCode).toBe(0);
    return { name, context };
  }

  it.each<[string, string, RegExp, Fault, string, RegExp]>([
    ['answers a byte now and then', 'PUT', UPLOAD, slowLoris, 'ND-REGISTRY-UNREACHABLE', /no answer for 0.3 s/],
    ['answers manifests a byte now and then', 'PUT', MANIFEST, slowLoris, 'ND-REGISTRY-UNREACHABLE', /no answer for 0.3 s/],
    ['takes nothing', 'PUT', UPLOAD, deaf, 'ND-REGISTRY-UNREACHABLE', /no answer for 0.3 s/],
    ['says nothing', 'HEAD', /./, faults.silence(), 'ND-REGISTRY-UNREACHABLE', /no answer for 0.3 s/],
    ['answers 500 without end', 'PUT', UPLOAD, faults.answer(500), 'ND-REGISTRY-UNREACHABLE', /it answered 500/],
    ['answers 500 to every request', 'HEAD', /./, faults.answer(500), 'ND-REGISTRY-UNREACHABLE', /it answered 500/],
    ['keeps no manifest that it takes', 'PUT', MANIFEST, faults.answer(201), 'ND-REGISTRY-REFUSED', /does not have sha256:/],
    ['keeps no tag that it takes', 'PUT', /\/manifests\/x$/, faults.answer(201), 'ND-REGISTRY-REFUSED', /does not have sha256:/],
  ])('%s', async (_, method, path, fault, code, why) => {
    const { name, context } = await built();
    proxy.inject({ method, path, times: 10_000, fault });
    const begun = performance.now();
    const result = await pushImage(context(), {});
    expect(result).toMatchObject({ exitCode: 1, document: { outcome: 'failed', error: { code, why: expect.stringMatching(why) as string } } });
    expect(output.errors).toHaveLength(1);
    expect(performance.now() - begun).toBeLessThan(10_000);
    for (const tag of ['x', 'y']) expect(await status(registry.host, `${name}:${tag}`)).toBe(404);
    proxy.reset();
    expect((await pushImage(context(), {})).exitCode).toBe(0);
    expect(await status(registry.host, `${name}:x`)).toBe(200);
  });
});
