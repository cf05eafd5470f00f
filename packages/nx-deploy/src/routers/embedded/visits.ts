/** Requests before a target is chosen, as a closed route sees them. Requests and upgrades wait in different ways: only one has a parser. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Head } from './admit.js';
import type { Visit } from './closure.js';
import { Exchange } from './forward.js';
import { answerPage, responseOn, type Page } from './relay.js';
import type { Service } from './service.js';
import { EARLY_BYTES, Tunnel } from './upgrade.js';

/** A request with an answer of its own. Nothing reads its content: what arrives fills the buffers, and then the client has to wait. */
export class RequestVisit implements Visit {
  constructor(
    private readonly service: Service,
    private readonly head: Head,
    private readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly closing: () => boolean,
  ) {}

  enter(): void {
    const { door } = this.service;
    if (door.open) this.proceed();
    else door.receive(this);
  }

  proceed(): void {
    const { service, head, request, response, closing } = this;
    new Exchange(service, head, service.choose(request, head), request, response, closing).start();
  }

  turnAway(page: Page): void {
    answerPage(this.response, page, this.closing());
  }

  wait(gone: () => void): () => void {
    this.response.once('close', gone);
    return () => this.response.off('close', gone);
  }
}

/** A request for another protocol, on a connection that node:http has handed over. */
export class UpgradeVisit implements Visit {
  constructor(
    private readonly service: Service,
    private readonly head: Head,
    private readonly request: IncomingMessage,
    private readonly client: Socket,
    private early: Buffer,
  ) {}

  enter(): void {
    const { door } = this.service;
    if (door.open) this.proceed();
    else door.receive(this);
  }

  proceed(): void {
    const { service, head, request, client, early } = this;
    new Tunnel(service, head, service.choose(request, head), request, client, early).start();
  }

  turnAway(page: Page): void {
    answerPage(responseOn(this.client, this.request), page, true);
  }

  wait(gone: () => void): () => void {
    const { client } = this;
    const keep = (chunk: Buffer): void => {
      this.early = Buffer.concat([this.early, chunk]);
      if (this.early.length > EARLY_BYTES) client.pause();
    };
    // Only who reads sees the end.
    const end = (): void => {
      gone();
      client.destroy();
    };
    client.on('data', keep).once('end', end).once('close', end);
    // Whoever is next listens before the event loop can bring more.
    return () => client.off('data', keep).off('end', end).off('close', end);
  }
}
