/** The same engine, reached in each way that its client knows: a context, ssh, and TCP with TLS. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, connect, type AddressInfo, type Server } from 'node:net';
import { createServer } from 'node:tls';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { find } from '../../../../../tools/bench/programs.js';
import { lackOfEngine } from '../../../../../tools/images/engine.js';
import { describeUnless } from '../../../../../tools/images/needs.spec-support.js';
import { startLoad } from '../../../../../tools/load/launch.js';
import { inTurn, SEED, SOAK } from '../../../../../tools/testing/sample.js';
import { until } from '../../shell/programs.spec-support.js';
import type { ServiceOrder } from '../contract/harness.js';
import { answer } from '../contract/traffic.js';
import { openDocker, type DockerTarget } from './index.js';
import { DockerWorld } from './place.spec-support.js';

jest.setTimeout(240_000);

const WAYS = ['context', 'ssh', 'tls'] as const;
type Way = (typeof WAYS)[number];

const lack = (): string | undefined => lackOfEngine() ?? ['openssl', 'ssh', 'sshd'].map((program) => (find(program) === undefined ? `not installed: ${program}` : undefined)).find((missing) => missing !== undefined);
/** An ordinary run takes one of them in turn; a soak takes all. */
const way = (which: Way): typeof test => (SOAK || inTurn(WAYS, 0, SEED) === which ? test : test.skip);
const CANARY: ServiceOrder = {
  fixture: 'steady', version: '1', instances: 2, health: { interval: 50, passes: 1 }, drain: 5_000, stopTimeout: 2_000,
  strategy: { type: 'canary', steps: [{ weight: 50, soak: 200 }], soak: 0, keepWarm: 60_000, smoke: [{ path: '/version', status: 200 }], sticky: false },
};

async function freePort(): Promise<number> {
  const server = createPlainServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => { server.close(done); });
  return port;
}

describeUnless(lack(), 'an engine that is reached', () => {
  let world: DockerWorld;
  let folder: string;
  let socket: string;
  const servers: Server[] = [];
  const children: ChildProcess[] = [];
  beforeAll(async () => {
    world = await DockerWorld.open();
    folder = mkdtempSync(join(world.folder, 'reach-'));
    socket = world.engine.host.slice('unix://'.length);
  }, 180_000);
  afterAll(async () => {
    for (const child of children) child.kill('SIGTERM');
    for (const server of servers) server.close();
    await world.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const openssl = (...args: readonly string[]): void => { execFileSync('openssl', [...args], { cwd: folder, stdio: 'pipe' }); };

  /** Two deploys and a rollback under load, and what a status asks for. */
  async function passes(service: string, more: Partial<DockerTarget>): Promise<void> {
    const subject = await world.service('reach', service, 'test', more);
    const first = await subject.deploy(CANARY);
    expect(first).toMatchObject({ outcome: 'done' });
    const load = await startLoad({ url: await subject.url(), rate: 50, mix: { get: 60, fresh: 30, post: 10 } });
    const began = performance.now();
    expect(await subject.deploy({ ...CANARY, version: '2' })).toMatchObject({ outcome: 'done' });
    const deployed = performance.now();
    expect(await subject.rollback()).toMatchObject({ outcome: 'done', release: first.release });
    const back = performance.now();
    const report = await load.stop();
    process.stdout.write(`${service}: deploy ${Math.round(deployed - began)} ms, rollback ${Math.round(back - deployed)} ms, ${report.sent} requests, ${report.failures} failed\n`);
    expect(report).toMatchObject({ failures: 0, firstFailures: [] });
    expect(await subject.url()).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect((await answer(await subject.url())).release).toBe(first.release);
    const lines: string[] = [];
    for await (const line of subject.platform.logs(first.release, {})) lines.push(line.text);
    expect(lines.join('\n')).toContain('listening');
  }

  way('context')('by a context', async () => {
    world.docker(['context', 'create', 'prod', `--docker=host=unix://${socket}`]);
    const { DOCKER_HOST: _, ...variables } = world.variables;
    await passes('context', { place: { ...world.place(), context: 'prod' }, variables });
  });

  way('ssh')('by ssh, whose client is asked as its user has it', async () => {
    const port = await freePort();
    for (const name of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
    mkdirSync('/run/sshd', { recursive: true });
    writeFileSync(join(folder, 'sshd_config'), [
      `Port ${port}`, 'ListenAddress 127.0.0.1', `HostKey ${folder}/host`, `AuthorizedKeysFile ${folder}/user.pub`, 'PasswordAuthentication no', 'StrictModes no', 'UsePAM no', `PidFile ${folder}/sshd.pid`, 'MaxStartups 100', 'MaxSessions 100',
      `SetEnv DOCKER_HOST=unix://${socket} PATH=${process.env['PATH'] ?? ''}`, 'PermitRootLogin prohibit-password', '',
    ].join('\n'));
    const log = join(folder, 'sshd.log');
    children.push(spawn(find('sshd') ?? 'sshd', ['-D', '-f', join(folder, 'sshd_config'), '-E', log], { stdio: 'ignore' }));
    await until('sshd to listen', () => { try { return readFileSync(log, 'utf8').includes('Server listening'); } catch { return false; } }, 20_000);
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'ssh'), `#!/bin/sh\nexec ${find('ssh') ?? 'ssh'} -F /dev/null -i ${folder}/user -o StrictHostKeyChecking=no -o UserKnownHostsFile=${folder}/known "$@"\n`);
    chmodSync(join(bin, 'ssh'), 0o755);
    await passes('ssh', { variables: { ...world.variables, DOCKER_HOST: `ssh://${userInfo().username}@127.0.0.1:${port}`, PATH: `${bin}:${process.env['PATH'] ?? ''}` } });
  });

  way('tls')('by TCP with TLS, by whoever has a certificate, and by nobody else', async () => {
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=test authority', '-keyout', 'ca-key.pem', '-out', 'ca.pem');
    for (const [name, extension] of [['server', 'subjectAltName=IP:127.0.0.1'], ['client', 'extendedKeyUsage=clientAuth']] as const) {
      const own = join(folder, name);
      mkdirSync(own);
      writeFileSync(join(own, 'ext'), extension);
      openssl('req', '-newkey', 'rsa:2048', '-nodes', '-subj', `/CN=${name}`, '-keyout', `${name}/key.pem`, '-out', `${name}/csr`);
      openssl('x509', '-req', '-in', `${name}/csr`, '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial', '-days', '2', '-extfile', `${name}/ext`, '-out', `${name}/cert.pem`);
    }
    writeFileSync(join(folder, 'client/ca.pem'), readFileSync(join(folder, 'ca.pem')));
    const file = (path: string): Buffer => readFileSync(join(folder, path));
    const server = createServer({ ca: file('ca.pem'), cert: file('server/cert.pem'), key: file('server/key.pem'), requestCert: true, rejectUnauthorized: true, allowHalfOpen: true }, (stream) => {
      const engine = connect({ path: socket, allowHalfOpen: true });
      for (const end of [stream, engine]) end.on('error', () => { stream.destroy(); engine.destroy(); });
      stream.pipe(engine).pipe(stream);
    }).listen(0, '127.0.0.1');
    servers.push(server);
    await new Promise((done) => server.once('listening', done));
    const variables = { ...world.variables, DOCKER_HOST: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`, DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: join(folder, 'client') };
    await passes('tls', { variables });
    // A certificate of nobody that the engine knows.
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=stranger', '-keyout', 'client/key.pem', '-out', 'client/cert.pem');
    await expect(openDocker(world.target('reach', 'tls', 'test', { variables }))).rejects.toMatchObject({ code: expect.stringMatching(/^ND-ENGINE-/) as string });
  });
});
