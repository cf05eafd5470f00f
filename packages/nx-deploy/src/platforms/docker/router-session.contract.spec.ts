/** The held shell in a container of a real engine: what goes in and comes back is bytes, whatever they look like. */
import type { AddressInfo } from 'node:net';
import { describeWithEngine } from '../../../../../tools/images/engine.spec-support.js';
import { HAPROXY_PROGRAMS } from '../../../../../tools/images/haproxy-image.js';
import { closeAll, freePort, instance } from '../../routers/haproxy/haproxy.spec-support.js';
import { execArguments } from './router-arguments.js';
import { probeAll } from './router-probe.js';
import { RouterSession } from './router-session.js';
import { clientOf, IMAGE, loadRouterImage, occupy } from './router.spec-support.js';

const HOSTILE = ['', ' ', '$(touch /tmp/x)', '`id`', '\'"\\', 'a\nb\n', '\n', '\\n\\c\\0101', '%s%n', '-n', '*', '\u00e4\u20ac', '\t\r x ', '; exit 1'];

describeWithEngine('a session with a container', (engine) => {
  const name = `nxd-session-${process.pid}`;
  let session: RouterSession;
  const start = (): void => { engine().docker(['run', '--detach', `--name=${name}`, '--restart=always', '--network=host', IMAGE, 'sh', '-c', 'trap exit TERM; while :; do sleep 0.1; done']); };
  beforeAll(async () => {
    await loadRouterImage(engine());
    start();
  }, 180_000);
  beforeEach(() => { session = new RouterSession({ client: clientOf(engine()), enter: execArguments(name) }); });
  afterEach(() => session.close());

  it('hands over arguments and input as they are, and gives back output, complaints and exit code', async () => {
    expect(await session.run(['perl', '-e', 'print join("\\0", @ARGV); print STDERR "no\\n"; exit 7', 'x', ...HOSTILE], '')).toEqual({ exitCode: 7, output: ['x', ...HOSTILE].join('\0'), complaints: 'no' });
    for (const input of ['', 'x', 'a\n', '\n\n', HOSTILE.join('\n'), 'line\n'.repeat(100_000), '\0\u0001']) expect(await session.run(['cat'], input)).toEqual({ exitCode: 0, output: input, complaints: '' });
    // One that does not read its input leaves nothing of it to the next.
    expect((await session.run(['true'], 'x\n'.repeat(200_000))).exitCode).toBe(0);
    expect((await session.run(['/nope'], '')).exitCode).toBe(127);
    expect((await session.run(['sh', '-c', 'kill -9 $$'], '')).exitCode).toBe(137);
    expect(await Promise.all(['1', '2', '3'].map((text) => session.run(['printf', '%s', text], '')))).toMatchObject([{ output: '1' }, { output: '2' }, { output: '3' }]);
  }, 60_000);

  it('takes milliseconds, and is opened again once when the container was started again', async () => {
    await session.run(['true'], '');
    const times: number[] = [];
    for (let count = 0; count < 50; count += 1) {
      const began = performance.now();
      await session.run(['true'], '');
      times.push(performance.now() - began);
    }
    engine().docker(['restart', '--time=1', name]);
    const began = performance.now();
    expect((await session.run(['printf', 'here'], '')).output).toBe('here');
    process.stdout.write(`session: a program takes ${times.sort((a, b) => a - b)[25]!.toFixed(1)} ms; after a restart ${Math.round(performance.now() - began)} ms\n`);
    engine().docker(['rm', '--force', name]);
    await expect(session.run(['true'], '')).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED' });
    start();
    expect((await session.run(['true'], '')).exitCode).toBe(0);
  }, 60_000);

  it('carries checks of many at once, with perl and without', async () => {
    const { target } = await instance('r'.padEnd(13, 'a'), '1', (request, response) => {
      if (request.url === '/slow') return;
      response.statusCode = Number(/\d+/.exec(request.url ?? '')?.[0] ?? 200);
      if (response.statusCode === 302) response.setHeader('location', '/200');
      response.end('x'.repeat(100_000));
    });
    const rude = await occupy(await freePort());
    rude.on('connection', (socket) => socket.destroy());
    const to = (path: string, rest: object = {}) => ({ host: '127.0.0.1', port: target.port, path, timeout: 1_000, ...rest });
    const probes = [to('/'), to('/503'), to('/302'), to('/404?q=$(id)&x=\'"'), to('/slow'), to('/', { port: await freePort() }), to('/', { port: (rude.address() as AddressInfo).port }), to('/', { host: '192.0.2.77', timeout: 500 })];
    const began = performance.now();
    for (const program of ['any', 'wget'] as const) {
      const results = await probeAll((argv, input) => session.run(argv, input), probes, program);
      expect(results.slice(0, 4)).toEqual([{ status: 200 }, { status: 503 }, { status: 302 }, { status: 404 }]);
      for (const result of results.slice(4)) expect(result).toEqual({ reason: expect.stringMatching(/[a-z]/) });
    }
    expect(performance.now() - began).toBeLessThan(10_000);
    await expect(probeAll((argv, input) => session.run(argv, input), [to('/ x')])).rejects.toMatchObject({ code: 'ND-INTERNAL' });
    const many = await probeAll((argv, input) => session.run(argv, input), Array.from({ length: 60 }, () => to('/200')));
    expect(new Set(many.map((result) => JSON.stringify(result)))).toEqual(new Set(['{"status":200}']));
    await new Promise((done) => rude.close(done));
    await closeAll();
  }, 60_000);

  it('holds the lock of the router as long as it is open, and says when others have it', async () => {
    const enter = execArguments(name);
    const lock = (seconds: number): RouterSession => new RouterSession({ client: clientOf(engine()), enter, lock: { folder: '/dev/shm', seconds } });
    const [first, second] = [lock(0), lock(0)];
    await first.ready();
    await expect(second.ready()).rejects.toMatchObject({ code: 'ND-ROUTER-FAILED', parts: { what: 'the router could not be locked' } });
    const third = lock(20);
    const waiting = third.run(['printf', 'mine'], '');
    await first.close();
    expect((await waiting).output).toBe('mine');
    await third.close();
  }, 60_000);

  it('gives up a program that does not end, and goes on', async () => {
    const short = new RouterSession({ client: clientOf(engine()), enter: execArguments(name), limit: 1_000 });
    await expect(short.run(['sleep', '20'], '')).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED', parts: { why: 'a program beside it took more than 1 s' } });
    expect((await short.run(['true'], '')).exitCode).toBe(0);
    await short.close();
  }, 60_000);
}, { programs: HAPROXY_PROGRAMS, own: true });
