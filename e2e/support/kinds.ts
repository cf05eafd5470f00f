/** The kinds of workspace that strangers have, as create-nx-workspace and the generators of Nx make them. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Workspace } from './workspace.js';

export interface Kind {
  readonly name: string;
  /** Arguments of create-nx-workspace behind the name. */
  readonly create: readonly string[];
  /** The program, as npm installed it, when it is not the usual one. */
  readonly yarn?: string;
  /** Only while the workspace is made. */
  readonly creating?: Readonly<Record<string, string>>;
  /** What `nx add` and `nx g` are called with afterwards. */
  readonly plugins?: readonly string[];
  readonly generate?: readonly (readonly string[])[];
  /** Folder of a package without any executor, which is added by hand. */
  readonly plain?: string;
  /** Folder of a project in another language, with a Dockerfile. */
  readonly other?: string;
  /** Services by the folder of their project, with a path that answers. */
  readonly services: Readonly<Record<string, string>>;
  /** Folder of a site of files, and the context of its Dockerfile. */
  readonly site?: readonly [string, object];
}

const NONE = ['--linter=eslint', '--unitTestRunner=none', '--e2eTestRunner=none'];
const APPS = [
  ['@nx/node:app', 'apps/express', '--framework=express', '--bundler=esbuild', ...NONE],
  ['@nx/node:app', 'apps/webpacked', '--framework=express', '--bundler=webpack', '--docker', ...NONE],
  ['@nx/node:app', 'apps/fastify', '--framework=fastify', '--bundler=esbuild', '--docker', ...NONE],
  ['@nx/nest:app', 'apps/nest', ...NONE],
  ['@nx/web:app', 'apps/site', '--bundler=vite', '--style=css', ...NONE],
];
const SERVICES = { 'apps/express': '/', 'apps/webpacked': '/', 'apps/fastify': '/', 'apps/nest': '/api' };
const PLUGINS = ['@nx/node', '@nx/nest', '@nx/web'];
/** yarn 4 would load itself from the internet once more. */
const COREPACK = { COREPACK_ROOT: '/nowhere' };

export const KINDS: readonly Kind[] = [
  { name: 'integrated, npm', create: ['--preset=apps', '--formatter=prettier', '--pm=npm'], plugins: PLUGINS, generate: APPS, other: 'apps/other', services: SERVICES, site: ['apps/site', { context: '{workspaceRoot}' }] },
  { name: 'ts, npm', create: ['--preset=ts', '--pm=npm'], plugins: PLUGINS, generate: APPS, plain: 'apps/plain', other: 'apps/other', services: { ...SERVICES, 'apps/plain': '/health' }, site: ['apps/site', {}] },
  { name: 'node-monorepo, Nest, pnpm', create: ['--preset=node-monorepo', '--framework=nest', '--appName=api', '--docker', '--pm=pnpm'], services: { 'apps/api': '/api' } },
  { name: 'integrated node-monorepo, Fastify, yarn 4', create: ['--preset=node-monorepo', '--framework=fastify', '--appName=api', '--workspaces=false', '--pm=yarn'], yarn: 'yarn-4/bin/yarn.js', creating: COREPACK, services: { 'apps/api': '/' } },
  { name: 'react-monorepo, vite, bun', create: ['--preset=react-monorepo', '--bundler=vite', '--appName=web', '--style=css', '--unitTestRunner=none', '--e2eTestRunner=none', '--pm=bun'], plain: 'apps/plain', services: { 'apps/plain': '/health' }, site: ['apps/web', {}] },
  { name: 'ts, yarn 1', create: ['--preset=ts', '--pm=yarn'], plain: 'packages/plain', other: 'packages/other', services: { 'packages/plain': '/health' } },
];

/** PATH of a person who has these package managers. `managers`: what NX_DEPLOY_TEST_MANAGERS says; `folder` gets a folder for programs. */
export function pathOf({ yarn }: Kind, managers: string, folder: string): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  // npm made a program of only one of the two.
  if (yarn !== undefined) symlinkSync(join(managers, 'node_modules', yarn), join(bin, 'yarn'));
  return [bin, join(managers, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);
}

const SERVER = `const http = require('node:http');
const server = http.createServer((request, response) => {
  response.end(request.url === '/health' ? 'ok' : 'plain');
});
server.listen(Number(process.env.PORT ?? 3000), process.env.HOST);
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

/** The projects that no generator makes. */
export function addByHand(workspace: Workspace, { plain, other }: Kind): void {
  if (plain !== undefined) {
    const build = "node -e \"require('node:fs').cpSync('src', 'dist', { recursive: true })\"";
    workspace.write(`${plain}/package.json`, { name: '@shop/plain', version: '1.0.0', private: true, scripts: { build, start: 'node dist/server.js' } });
    workspace.write(`${plain}/src/server.js`, SERVER);
  }
  if (other !== undefined) {
    workspace.write(`${other}/project.json`, { name: 'other', projectType: 'application' });
    workspace.write(`${other}/main.go`, 'package main\n\nimport "net/http"\n\nfunc main() { http.ListenAndServe(":8080", nil) }\n');
    workspace.write(`${other}/Dockerfile`, 'FROM scratch\nCOPY main.go /main.go\nEXPOSE 8080\nCMD ["/main"]\n');
  }
}
