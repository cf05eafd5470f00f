/** Ways to instances on an engine that may be on another machine: a port of this machine's own whose connections come out beside the router. */
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { EngineClient, Streamed } from '../../shell/engine/index.js';
import type { Address } from '../platform.js';

/** Both ways until either end closes. By perl, which the official Debian image has, or by busybox, which that of Alpine has. */
const PIPE = `
if command -v perl >/dev/null 2>&1; then
  exec perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Timeout => 10) or exit 1;
    my $child = fork; if (!$child) { while (sysread(STDIN, my $part, 65536)) { syswrite($s, $part) or last } shutdown($s, 1); exit 0 }
    while (sysread($s, my $part, 65536)) { syswrite(STDOUT, $part) or last } kill "TERM", $child; exit 0' "$1" "$2"
fi
exec nc "$1" "$2"
`;

export class Forwards {
  private readonly servers = new Map<string, Promise<Server>>();
  private readonly programs = new Set<Streamed>();

  constructor(private readonly client: EngineClient, private readonly router: string) {}

  /** An address on this machine; every connection is made anew on the engine's. */
  async to({ host, port }: Address): Promise<Address> {
    const key = `${host} ${port}`;
    const server = this.servers.get(key) ?? this.listen(host, port);
    this.servers.set(key, server);
    return { host: '127.0.0.1', port: ((await server).address() as AddressInfo).port };
  }

  async close(): Promise<void> {
    for (const program of this.programs) program.end();
    for (const server of this.servers.values()) (await server.catch(() => undefined))?.close();
  }

  private async listen(host: string, port: number): Promise<Server> {
    const server = createServer({ allowHalfOpen: true }, (socket) => void this.pipe(socket, host, port));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    server.unref();
    return server;
  }

  private async pipe(socket: Socket, host: string, port: number): Promise<void> {
    socket.on('error', () => undefined);
    const program = await this.client.stream(['exec', '--interactive', this.router, 'sh', '-c', PIPE, 'nx-deploy-forward', host, String(port)]).catch(() => undefined);
    if (program === undefined) {
      socket.destroy();
      return;
    }
    this.programs.add(program);
    socket.pipe(program.stdin);
    program.stdout.pipe(socket);
    program.stderr.resume();
    socket.once('close', () => program.end());
    await program.ended;
    this.programs.delete(program);
    socket.end();
  }
}
