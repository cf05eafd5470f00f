/** The proxies that are compared, each with one thread, kept connections on both sides, no log, and the client's address passed on. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { find, freePort, Running } from './programs.js';

/** What the upstream answers. It has the form that the load client expects. */
export const ANSWER = '{"service":"bench"}';
export const PATH = '/version';

export const PROXIES = ['nx-deploy', 'haproxy', 'nginx'] as const;
export type Proxy = (typeof PROXIES)[number];

/** Debian's packages. */
const PACKAGES: Readonly<Record<Exclude<Proxy, 'nx-deploy'>, string>> = { haproxy: 'haproxy', nginx: 'nginx-light' };

/** The peers that are not there, as lines that nobody can overlook. */
export function missing(): readonly string[] {
  return PROXIES.filter((name) => name !== 'nx-deploy').filter((name) => find(name) === undefined)
    .map((name) => `not compared: ${name} is not installed (apt-get install ${PACKAGES[name]})`);
}

/** Tries other ports when one has been taken since it was found free. */
async function startAt(command: (port: number) => readonly string[]): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    try {
      return await Running.start(command(port), `http://127.0.0.1:${port}${PATH}`);
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

/** `pin`: the words before a command that keep it on one core. `folder`: for files of configuration. */
export function startProxy(name: Proxy, upstream: number, options: { readonly pin: readonly string[]; readonly folder: string }): Promise<Running> {
  const { pin, folder } = options;
  return startAt((port) => [...pin, ...COMMANDS[name](port, upstream, folder)]);
}

/** nginx itself where it is installed: it takes the least of the core that it shares with the load. */
export async function startUpstream(folder: string): Promise<{ readonly running: Running; readonly what: string }> {
  if (find('nginx') === undefined) return { running: await startAt((port) => [process.execPath, join(__dirname, 'upstream.js'), String(port)]), what: 'a server on node:net' };
  const location = `default_type application/json; return 200 '${ANSWER}';`;
  return { running: await startAt((port) => nginx(port, folder, { name: 'upstream', location })), what: 'nginx with a fixed answer' };
}

const COMMANDS: Readonly<Record<Proxy, (port: number, upstream: number, folder: string) => readonly string[]>> = {
  'nx-deploy': (port, upstream) => [process.execPath, join(__dirname, 'router-alone.js'), String(port), String(upstream)],
  haproxy: (port, upstream, folder) => {
    const file = join(folder, 'haproxy.cfg');
    writeFileSync(file, [
      'global', '  nbthread 1', '  maxconn 4096',
      'defaults', '  mode http', '  option forwardfor', '  option http-keep-alive', '  http-reuse always', '  timeout connect 5s', '  timeout client 65s', '  timeout server 65s',
      'frontend public', `  bind 127.0.0.1:${port}`, '  default_backend service',
      'backend service', `  server web1 127.0.0.1:${upstream}`, '',
    ].join('\n'));
    return [find('haproxy') ?? 'haproxy', '-db', '-f', file];
  },
  nginx: (port, upstream, folder) => nginx(port, folder, {
    name: 'nginx', before: `upstream service { server 127.0.0.1:${upstream}; keepalive 256; }`,
    location: 'proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http;',
  }),
};

/** Without a master process: the one that is started is the one that works. */
function nginx(port: number, folder: string, { name, before = '', location }: { readonly name: string; readonly before?: string; readonly location: string }): readonly string[] {
  const prefix = join(folder, name);
  mkdirSync(prefix, { recursive: true });
  const file = join(prefix, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${prefix}/${kind};`).join(' ');
  writeFileSync(file, [
    'worker_processes 1;', 'daemon off;', 'master_process off;', `pid ${prefix}/nginx.pid;`, 'error_log stderr error;', 'events { worker_connections 4096; }',
    `http { access_log off; keepalive_timeout 65s; keepalive_requests 100000000; ${temporary}`, before,
    `server { listen 127.0.0.1:${port} backlog=4096; location / { ${location} } } }`, '',
  ].join('\n'));
  return [find('nginx') ?? 'nginx', '-p', prefix, '-c', file, '-e', 'stderr'];
}
