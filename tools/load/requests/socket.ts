import type { IncomingMessage } from 'node:http';
import { WebSocket, type RawData } from 'ws';
import { Failure, noAnswer } from '../failure.js';
import type { Shot } from '../shot.js';
import type { Wire } from '../wire.js';
import { jsonOf } from './quick.js';

const NORMAL = 1000;

/** Sends `count` messages, each after the echo of the one before, and closes. */
class Conversation {
  #sent = 0;
  #echoed = 0;
  #timer: NodeJS.Timeout | undefined;
  #failure: Failure | undefined;

  constructor(private readonly client: WebSocket, private readonly shot: Shot, private readonly plan: { count: number; interval: number }) {}

  say(): void {
    this.#sent += 1;
    this.client.send(JSON.stringify({ id: this.shot.id, n: this.#sent }));
  }

  hear(data: Buffer): void {
    const { sequence, echo } = jsonOf(data);
    if (typeof sequence !== 'number') throw new Failure('wrong', 'an echo without a sequence');
    if (sequence <= this.#echoed) throw new Failure('duplicated', `echo ${sequence} came again`);
    if (sequence !== this.#sent) throw new Failure('wrong', `echo ${sequence} came where ${this.#sent} had to`);
    if (JSON.stringify(echo) !== JSON.stringify({ id: this.shot.id, n: sequence })) throw new Failure('misrouted', `echo ${sequence} holds the message of another`);
    this.#echoed = sequence;
    this.#timer = setTimeout(() => (sequence < this.plan.count ? this.say() : this.client.close(NORMAL)), this.plan.interval);
  }

  /** The first thing that went wrong counts; the connection goes. */
  fail(failure: Failure): void {
    this.#failure ??= failure;
    this.client.terminate();
  }

  closed(code: number): Failure | undefined {
    clearTimeout(this.#timer);
    if (this.#failure !== undefined) return this.#failure;
    if (this.#echoed < this.plan.count) return new Failure('cut', `closed with ${code} after echo ${this.#echoed} of ${this.plan.count}`);
    return code === NORMAL ? undefined : new Failure('cut', `closed with ${code} instead of ${NORMAL}`);
  }
}

/** An echo over /ws that must stay whole and in order until this side closes it. */
export function socket(shot: Shot, wire: Wire, plan: { count: number; interval: number }): Promise<void> {
  const url = new URL('/ws', wire.url);
  url.protocol = 'ws:';
  const client = new WebSocket(url, { headers: wire.headersOf(shot), perMessageDeflate: false });
  const conversation = new Conversation(client, shot, plan);
  const checked = (step: () => void): void => {
    try {
      step();
    } catch (error) {
      conversation.fail(shot.failureOf(error));
    }
  };
  const abort = (): void => conversation.fail(shot.failureOf(undefined));
  shot.signal.addEventListener('abort', abort, { once: true });
  client.on('upgrade', (response: IncomingMessage) => {
    shot.answered(response.headers);
    checked(() => wire.check(shot, response.headers));
  });
  client.on('unexpected-response', (request, response) => {
    shot.answered(response.headers);
    conversation.fail(new Failure('wrong', `status ${String(response.statusCode)} of socket`));
    request.destroy();
  });
  client.on('open', () => conversation.say());
  client.on('message', (data: RawData) => checked(() => conversation.hear(data as Buffer)));
  return new Promise((resolve, reject) => {
    client.on('error', (error) => conversation.fail(shot.hasAnswer ? new Failure('cut', error.message) : noAnswer(error, false)));
    client.on('close', (code) => {
      shot.signal.removeEventListener('abort', abort);
      const failure = conversation.closed(code);
      if (failure === undefined) resolve();
      else reject(failure);
    });
  });
}
