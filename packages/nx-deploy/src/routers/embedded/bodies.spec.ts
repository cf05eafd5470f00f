import { createHash } from 'node:crypto';
import type { IncomingMessage, OutgoingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { answerOf, ask, closeAll, open, serving, target, until, upstream } from './router.spec-support.js';

afterEach(closeAll);

const SIZE = 64 << 20;
const CHUNK = 256 << 10;
const MEASURED = SIZE / 8;

/** Writes `SIZE` bytes that differ from chunk to chunk, with backpressure; returns their digest. */
async function pour(into: OutgoingMessage, onWritten: (bytes: number) => void = () => {}): Promise<string> {
  const digest = createHash('sha256');
  for (let sent = 0; sent < SIZE; sent += CHUNK) {
    const chunk = Buffer.alloc(CHUNK, `${sent}-`);
    digest.update(chunk);
    onWritten(sent);
    if (!into.write(chunk)) await once(into, 'drain');
  }
  into.end();
  return digest.digest('hex');
}

async function digestOf(message: IncomingMessage): Promise<string> {
  const digest = createHash('sha256');
  for await (const chunk of message) digest.update(chunk as Buffer);
  return digest.digest('hex');
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/**
 * Finds the most bytes of buffers in this process, which holds client, router and instance, above what they are now. By what was written, not by time:
 * collecting takes long where the modules of many other specs are in memory, and must not be all that is done.
 */
function meter(): { readonly at: (written: number) => void; readonly peak: () => number } {
  const measured = (): number => {
    // The second time waits for what the first left to be freed in the background.
    collect();
    collect();
    return process.memoryUsage().arrayBuffers;
  };
  const before = measured();
  // Below zero when what other specs left was freed meanwhile; not a number that counts until it was measured.
  let peak = -Infinity;
  return { at: (written) => { if (written % MEASURED === 0) peak = Math.max(peak, measured() - before); }, peak: () => peak };
}

it.each([['with a length', { 'Content-Length': SIZE }], ['in chunks', { 'Transfer-Encoding': 'chunked' }]])('carries 64 MB up %s', async (_name, headers) => {
  const a = await upstream((request, response) => { void digestOf(request).then((digest) => response.end(digest)); });
  const { front, port } = await serving(target(a.port));
  const request = open(port, { method: 'PUT', headers });
  const answer = answerOf(request).then((message) => message.toArray()).then((chunks) => Buffer.concat(chunks).toString());
  const { at, peak } = meter();
  const [sent, got] = await Promise.all([pour(request, at), answer]);
  expect(got).toBe(sent);
  expect(peak()).toBeGreaterThan(-Infinity);
  expect(peak()).toBeLessThan(SIZE / 16);
  expect(front.metrics('api', 'rA', 60_000)).toMatchObject({ requests: 1, errors: 0 });
});

it.each([['with a length', { 'Content-Length': SIZE }], ['in chunks', {}]])('carries 64 MB down %s', async (_name, headers) => {
  let sent: Promise<string> | undefined;
  const { at, peak } = meter();
  const a = await upstream((_request, response) => {
    response.writeHead(200, headers);
    sent = pour(response, at);
  });
  const { port } = await serving(target(a.port));
  const got = await answerOf(open(port).end()).then(digestOf);
  expect(got).toBe(await sent);
  expect(peak()).toBeGreaterThan(-Infinity);
  expect(peak()).toBeLessThan(SIZE / 16);
});

it('makes the instance wait for a client that does not read', async () => {
  let written = 0;
  const a = await upstream((request, response) => {
    if (request.url === '/fast') response.end('fast');
    else void pour(response, (bytes) => { written = bytes; });
  });
  const { port } = await serving(target(a.port));
  const message = await answerOf(open(port).end());
  message.pause();
  await sleep(300);
  const stalled = written;
  expect(stalled).toBeLessThan(SIZE / 2);
  expect((await ask(port, { path: '/fast' })).body).toBe('fast');
  await sleep(100);
  expect(written).toBe(stalled);
  let length = 0;
  for await (const chunk of message) length += (chunk as Buffer).length;
  expect(length).toBe(SIZE);
});

it('makes the client wait for an instance that does not read', async () => {
  let read: (() => Promise<string>) | undefined;
  const a = await upstream((request, response) => {
    request.pause();
    read = async () => {
      const digest = await digestOf(request);
      response.end(digest);
      return digest;
    };
  });
  const { port } = await serving(target(a.port));
  const request = open(port, { method: 'POST', headers: { 'Transfer-Encoding': 'chunked' } });
  let written = 0;
  const sent = pour(request, (bytes) => { written = bytes; });
  await sleep(300);
  const stalled = written;
  expect(stalled).toBeLessThan(SIZE / 2);
  await sleep(50);
  expect(written).toBe(stalled);
  expect(await read!()).toBe(await sent);
});

it('passes a slow upload on as it comes, and its answer', async () => {
  const seen: string[] = [];
  const a = await upstream((request, response) => {
    request.on('data', (chunk: Buffer) => seen.push(String(chunk)));
    request.on('end', () => response.end('thanks'));
  });
  const { port } = await serving(target(a.port));
  const request = open(port, { method: 'POST', headers: { 'Content-Length': 6 } });
  const answer = answerOf(request);
  for (const part of ['ab', 'cd', 'ef']) {
    request.write(part);
    await until(() => seen.at(-1) === part, part);
  }
  request.end();
  expect((await answer).statusCode).toBe(200);
  expect(seen).toEqual(['ab', 'cd', 'ef']);
});
