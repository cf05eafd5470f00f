import http from 'node:http';
import net from 'node:net';
import { DeployError } from '../../errors.js';
import type { Route, Router, Target } from '../router.js';

interface Entry { route: Route; next: number; counts: Map<string, { requests: number; errors: number }> }

export function createEmbeddedRouter(): Router {
  const entries = new Map<string, Entry>();
  const servers = new Map<string, http.Server>();
  const flying = new Map<string, number>();
  const pick = (entry: Entry): Target | undefined => {
    const usable = entry.route.targets.filter((target) => (entry.route.weights[target.release] ?? 0) > 0);
    entry.next += 1;
    return usable[entry.next % usable.length];
  };
  const bump = (key: string, by: number): void => void flying.set(key, (flying.get(key) ?? 0) + by);
  const listen = async (route: Route): Promise<void> => {
    const name = `${route.listen.address}:${route.listen.port}`;
    if (servers.has(name)) return;
    const find = (): Entry | undefined => [...entries.values()].find((entry) => `${entry.route.listen.address}:${entry.route.listen.port}` === name);
    const server = http.createServer((request, response) => {
      const entry = find();
      const target = entry && pick(entry);
      if (entry === undefined || target === undefined) { response.writeHead(503).end(); return; }
      const key = `${entry.route.key} ${target.id}`;
      bump(key, 1);
      response.on('close', () => bump(key, -1));
      const upstream = http.request({ host: target.host, port: target.port, method: request.method, path: request.url, headers: request.headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      upstream.on('error', () => response.destroy());
      request.pipe(upstream);
    });
    server.on('upgrade', (request, socket, head) => {
      const entry = find();
      const target = entry && pick(entry);
      if (entry === undefined || target === undefined) { socket.destroy(); return; }
      const key = `${entry.route.key} ${target.id}`;
      bump(key, 1);
      socket.on('close', () => bump(key, -1));
      const upstream = net.connect(target.port, target.host, () => {
        const lines = [`${request.method} ${request.url} HTTP/1.1`];
        for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
        upstream.write(`${lines.join('\r\n')}\r\n\r\n`);
        upstream.write(head);
        upstream.pipe(socket); socket.pipe(upstream);
      });
      upstream.on('error', () => socket.destroy());
      socket.on('error', () => upstream.destroy());
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => reject(new DeployError('ND-PORT-TAKEN', { what: `port ${route.listen.port} is taken` }, { cause })));
      server.listen(route.listen.port, route.listen.address, resolve);
    });
    servers.set(name, server);
  };
  return {
    async set(route) {
      await listen(route);
      entries.set(route.key, { next: 0, counts: new Map(), ...entries.get(route.key), route });
    },
    async remove(key) { entries.delete(key); },
    route: (key) => entries.get(key)?.route,
    inFlight: (key, id) => flying.get(`${key} ${id}`) ?? 0,
    async drained(key, id, deadline) {
      const end = performance.now() + deadline;
      while ((flying.get(`${key} ${id}`) ?? 0) > 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
      return (flying.get(`${key} ${id}`) ?? 0) === 0;
    },
    cut: () => undefined,
    metrics: () => ({ requests: 0, errors: 0, latency: { p50: 0, p95: 0, p99: 0 } }),
    async close() { for (const server of servers.values()) { server.close(); server.closeAllConnections(); } },
  };
}
