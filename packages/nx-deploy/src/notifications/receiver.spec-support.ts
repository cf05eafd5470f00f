/** An HTTP server that keeps what it gets and answers as it is told. For tests only. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export class Receiver {
  readonly got: Received[] = [];
  /** Statuses of the next answers, then 200; 0: no answer at all. */
  answers: number[] = [];
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk; }).on('end', () => {
        this.got.push({ method: request.method, url: request.url, headers: request.headers, body });
        const status = this.answers.shift() ?? 200;
        if (status !== 0) response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end('ok');
      });
    });
  }

  static async open(): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => { receiver.server.listen(0, '127.0.0.1', resolve); });
    return receiver;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => { this.server.close(resolve); });
  }
}
