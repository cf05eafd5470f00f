import { addProjectConfiguration, logger, writeJson } from '@nx/devkit';
import type { TargetConfiguration, Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import generator, { dockerfileGenerator } from './generator.js';
import type { DockerfileOptions } from './generator.js';

let tree: Tree;
let said: string[];

beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
  tree.write('package-lock.json', '{}');
  said = [];
  jest.spyOn(logger, 'info').mockImplementation((text) => void said.push(String(text)));
  jest.spyOn(logger, 'warn').mockImplementation((text) => void said.push(String(text)));
});

afterEach(() => {
  jest.restoreAllMocks();
});

const esbuild = (options: object = {}, configurations: Record<string, object> = {}): TargetConfiguration => ({
  executor: '@nx/esbuild:esbuild',
  options: { main: 'apps/api/src/main.ts', outputPath: 'apps/api/dist', format: ['cjs'], bundle: true, esbuildOptions: { outExtension: { '.js': '.js' } }, ...options },
  configurations,
});

function project(name: string, targets: Readonly<Record<string, TargetConfiguration>> = {}, files: Readonly<Record<string, string>> = {}): void {
  addProjectConfiguration(tree, name, { root: `apps/${name}`, targets });
  for (const [file, text] of Object.entries(files)) tree.write(`apps/${name}/${file}`, text);
}

function write(options: Partial<DockerfileOptions> = {}, file = 'apps/api/Dockerfile'): string {
  dockerfileGenerator(tree, { project: 'api', ...options });
  return tree.read(file, 'utf8') ?? '';
}

const BUNDLED = `# What the build of api puts out (apps/api/dist). Context: apps/api
FROM node:22-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000
WORKDIR /app
COPY dist ./
USER node
EXPOSE 3000
CMD ["node","main.js"]
`;

describe('a Node service', () => {
  it('that is bundled is copied', () => {
    project('api', { build: esbuild({ thirdParty: true }) });
    expect(write()).toBe(BUNDLED);
    expect(said).toEqual([[
      'apps/api/Dockerfile written',
      '  - a Node service: output apps/api/dist and entry main.js, from its target build (@nx/esbuild:esbuild)',
      '  by hand: npx nx run api:build && docker build -f apps/api/Dockerfile apps/api',
      '  or as the artifact in deploy.json: {"type":"image","builder":"docker"}',
    ].join('\n')]);
  });

  it('listens on what its source has, unless told otherwise', () => {
    project('api', { build: esbuild({ thirdParty: true }) }, { 'src/main.ts': 'server.listen(4100);' });
    expect(write()).toContain('EXPOSE 4100');
    expect(write({ port: 5000, dockerfile: 'docker/own' }, 'apps/api/docker/own')).toMatch(/PORT=5000[^]*EXPOSE 5000/);
  });

  it('has the workspace as its context where its output is elsewhere', () => {
    project('api', { build: esbuild({ thirdParty: true, outputPath: 'dist/apps/api' }) });
    expect(write({ base: 'node:24-alpine', entry: 'server.js' })).toBe(BUNDLED.replace('apps/api/dist). Context: apps/api', 'dist/apps/api). Context: .').replace('COPY dist', 'COPY dist/apps/api').replace('node:22-slim', 'node:24-alpine').replace('main.js', 'server.js'));
    expect(said[0]).toContain('docker build -f apps/api/Dockerfile .');
    expect(said[0]).toContain('{"type":"image","builder":"docker","context":"{workspaceRoot}"}');
  });

  const installed: readonly [string, string, Record<string, string>, string][] = [
    ['npm', 'package-lock.json', {}, 'FROM node:22-slim AS dependencies\nWORKDIR /app\nCOPY dist/package.json dist/package-lock.json ./\nRUN npm ci --omit=dev\n'],
    ['pnpm', 'pnpm-lock.yaml', { packageManager: 'pnpm@10.34.9+sha512.abc' }, 'COPY dist/package.json dist/pnpm-lock.yaml ./\nRUN npm install --global pnpm@10.34.9 && pnpm install --prod --frozen-lockfile\n'],
    ['yarn 1', 'yarn.lock', {}, 'COPY dist/package.json dist/yarn.lock ./\nRUN yarn install --production --frozen-lockfile\n'],
    ['yarn 4', 'yarn.lock', { packageManager: 'yarn@4.18.1' }, 'RUN npm install --global @yarnpkg/cli-dist@4.18.1 && YARN_NODE_LINKER=node-modules yarn workspaces focus --all --production\n'],
    ['bun', 'bun.lock', { packageManager: 'bun@1.3.14' }, 'FROM oven/bun:1.3.14-slim AS dependencies\nWORKDIR /app\nCOPY dist/package.json dist/bun.lock ./\nRUN bun install --production --frozen-lockfile\n'],
  ];

  it.each(installed)('that leaves its packages outside has them installed by %s', (_, lock, manifest, expected) => {
    tree.delete('package-lock.json');
    tree.write(lock, '');
    writeJson(tree, 'package.json', manifest);
    project('api', { build: esbuild({ generatePackageJson: true }, { production: { generateLockfile: true } }) });
    const text = write();
    expect(text).toContain(expected);
    expect(text).toContain('COPY --from=dependencies /app/node_modules ./node_modules\nCOPY dist ./\n');
  });

  it('whose lock file is pruned by targets of their own needs those first', () => {
    const pruning: Record<string, TargetConfiguration> = {
      'prune-lockfile': { executor: '@nx/js:prune-lockfile' }, 'copy-workspace-modules': { executor: '@nx/js:copy-workspace-modules' },
      'prune': { executor: 'nx:noop', dependsOn: ['prune-lockfile', { target: 'copy-workspace-modules' }] },
    };
    project('api', { build: esbuild(), ...pruning });
    expect(write()).toContain('WORKDIR /app\nCOPY dist ./\nRUN npm ci --omit=dev\n');
    expect(said[0]).toContain('npx nx run api:prune && docker build');
  });

  it('is told by --packages where its packages are', () => {
    project('api', { build: esbuild() });
    expect(write({ packages: 'bundled' })).toBe(BUNDLED);
  });

  it('may stand in folders with spaces', () => {
    project('api', { build: esbuild({ thirdParty: true, outputPath: 'apps/api/my $output' }) });
    expect(write()).toContain('COPY ["my \\\\$output","./"]\n');
  });
});

describe('a static site', () => {
  beforeEach(() => project('api', { build: { executor: '@nx/vite:build', options: { outputPath: 'dist/apps/api' } } }, { 'index.html': '<html></html>' }));

  it('is served by nginx without root', () => {
    const text = write();
    expect(text).toMatch(/^FROM nginxinc\/nginx-unprivileged:stable-alpine\nENV PORT=8080\nCOPY apps\/api\/nginx\.conf\.template \/etc\/nginx\/templates\/default\.conf\.template\nCOPY dist\/apps\/api \/usr\/share\/nginx\/html\nEXPOSE 8080$/m);
    expect(tree.read('apps/api/nginx.conf.template', 'utf8')).toContain('try_files $uri $uri/ /index.html;');
    expect(said[0]).toContain('  - a static site: output dist/apps/api, from its target build (@nx/vite:build)');
  });

  it('answers 404 where it has no routes of its own', () => {
    expect(write({ fallback: false, port: 9000, base: 'own/nginx' })).toMatch(/FROM own\/nginx\nENV PORT=9000[^]*EXPOSE 9000/);
    expect(tree.read('apps/api/nginx.conf.template', 'utf8')).toContain('try_files $uri $uri/ =404;');
  });

  it('keeps the configuration that a person has written', () => {
    tree.write('apps/api/nginx.conf.template', 'server {}\n');
    write();
    expect(tree.read('apps/api/nginx.conf.template', 'utf8')).toBe('server {}\n');
    expect(said).toEqual([expect.stringMatching(/^apps\/api\/nginx\.conf\.template is there with other content, and is left as it is\./)]);
  });

  it('is none where the source is a service, or a person says so', () => {
    expect(write({ kind: 'node', packages: 'bundled' })).toContain('FROM node:22-slim');
    tree.delete('apps/api/Dockerfile');
    tree.write('apps/api/src/server.ts', 'listen(process.env.PORT)');
    expect(write({ packages: 'bundled' })).toContain('FROM node:22-slim');
  });

  it.each([{ entry: 'main.js' }, { packages: 'bundled' } as const])('has nothing to do with %j', (options) => {
    expect(() => write(options)).toThrow(expect.objectContaining({ code: 'ND-OPTION-INVALID' }));
    expect(tree.exists('apps/api/Dockerfile')).toBe(false);
  });
});

describe('a Dockerfile that is there', () => {
  beforeEach(() => project('api', { build: esbuild({ thirdParty: true }) }));

  it('as it would be written stays, and is said to be right', () => {
    write();
    write();
    expect(said[1]).toContain('apps/api/Dockerfile is as it should be; left as it is');
  });

  it('with other content is left alone, and the difference is shown', () => {
    tree.write('apps/api/Dockerfile', 'FROM scratch\n');
    expect(write()).toBe('FROM scratch\n');
    expect(said).toEqual([expect.stringMatching(/left as it is\.\n {2}there: {3}FROM scratch\n {2}written: # What/)]);
  });
});

describe('what cannot be done is refused, and nothing is written', () => {
  const cases: readonly [string, Partial<DockerfileOptions>, string][] = [
    ['an unknown project', { project: 'apo' }, 'ND-PROJECT-UNKNOWN'],
    ['packages that nothing installs', {}, 'ND-OPTION-INVALID'],
    ['a file outside of the project', { dockerfile: '../Dockerfile' }, 'ND-OPTION-INVALID'],
    ['no file', { dockerfile: '.' }, 'ND-OPTION-INVALID'],
    ['an absolute path', { dockerfile: '/Dockerfile' }, 'ND-OPTION-INVALID'],
    ['an entry outside of the output', { entry: '../main.js', packages: 'bundled' }, 'ND-OPTION-INVALID'],
    ['no image', { base: '', packages: 'bundled' }, 'ND-OPTION-INVALID'],
    ['a line of its own in the image', { base: 'node:22\nRUN x', packages: 'bundled' }, 'ND-OPTION-INVALID'],
    ['a port that is none', { port: 99_999, packages: 'bundled' }, 'ND-OPTION-INVALID'],
    ['no output', { output: '', packages: 'bundled' }, 'ND-OPTION-INVALID'],
    ['an output outside of the workspace', { output: '../dist', packages: 'bundled' }, 'ND-OPTION-INVALID'],
    ['a project without a known build', { project: 'other' }, 'ND-OPTION-INVALID'],
  ];

  it.each(cases)('%s', (_, options, code) => {
    project('api', { build: esbuild() });
    project('other');
    const before = tree.listChanges().map(({ path }) => path);
    expect(() => write(options)).toThrow(expect.objectContaining({ code }));
    expect(tree.listChanges().map(({ path }) => path)).toEqual(before);
  });

  it('by an error whose message holds all that Nx shows', () => {
    project('api', { build: esbuild() });
    expect(() => generator(tree, { project: 'api' })).toThrow(/ND-OPTION-INVALID[^]*generatePackageJson/);
  });
});
