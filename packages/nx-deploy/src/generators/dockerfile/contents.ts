/** The texts of Dockerfiles: instructions only, no value of an environment. */

export type Manager = 'npm' | 'pnpm' | 'yarn' | 'bun';

/** Paths are relative to the context of the build, with "/" between their parts. */
interface Common {
  readonly base: string;
  readonly port: number;
  /** Folder of the build's output. */
  readonly output: string;
  /** First line, a comment. */
  readonly about: string;
}

export interface NodeService extends Common {
  /** Relative to the output. */
  readonly entry: string;
  /** How the packages get into the image; undefined: they are in the bundle. */
  readonly install?: Install;
}

export interface Install {
  readonly manager: Manager;
  /** Its version where package.json of the workspace names one. */
  readonly version?: string;
  /** The output has packages of the workspace that its package.json leads to. */
  readonly workspaceModules: boolean;
}

export interface Site extends Common {
  /** File with what {@link nginxTemplate} gives. */
  readonly template: string;
}

/** Reads PORT and HOST, as the services that Nx generates do. */
export function nodeDockerfile({ about, base, port, output, entry, install }: NodeService): string {
  return text([
    `# ${about}`,
    ...(install === undefined ? [] : installing(install, base, output)),
    `FROM ${base}`,
    `ENV NODE_ENV=production HOST=0.0.0.0 PORT=${port}`,
    'WORKDIR /app',
    ...(install === undefined ? [] : ['COPY --from=dependencies /app/node_modules ./node_modules']),
    copy([output], './'),
    'USER node',
    `EXPOSE ${port}`,
    `CMD ${JSON.stringify(['node', entry])}`,
  ]);
}

const LOCK: Readonly<Record<Manager, string>> = { npm: 'package-lock.json', pnpm: 'pnpm-lock.yaml', yarn: 'yarn.lock', bun: 'bun.lock' };

/** A stage of its own: the manager and what it leaves behind are not in the image, and it is made again only when the lock file changes. */
function installing({ manager, version, workspaceModules }: Install, base: string, output: string): readonly string[] {
  const files = copy(workspaceModules ? [output] : [`${output}/package.json`, `${output}/${LOCK[manager]}`], './');
  return [`FROM ${manager === 'bun' ? `oven/bun:${version ?? '1'}-slim` : base} AS dependencies`, 'WORKDIR /app', files, `RUN ${COMMANDS[manager](version)}`, ''];
}

const COMMANDS: Readonly<Record<Manager, (version: string | undefined) => string>> = {
  npm: () => 'npm ci --omit=dev',
  pnpm: (version) => `npm install --global pnpm@${version ?? 'latest'} && pnpm install --prod --frozen-lockfile`,
  // From version 2 on it is another package, with other commands.
  yarn: (version) => (version === undefined || version.startsWith('1.')
    ? 'yarn install --production --frozen-lockfile'
    : `npm install --global @yarnpkg/cli-dist@${version} && YARN_NODE_LINKER=node-modules yarn workspaces focus --all --production`),
  bun: () => 'bun install --production --frozen-lockfile',
};

/** Serves what {@link nginxTemplate} says, which is a file of its own: not every builder reads a text within a Dockerfile. */
export function siteDockerfile({ about, base, port, output, template }: Site): string {
  return text([
    `# ${about}`,
    `FROM ${base}`,
    `ENV PORT=${port}`,
    copy([template], '/etc/nginx/templates/default.conf.template'),
    copy([output], '/usr/share/nginx/html'),
    `EXPOSE ${port}`,
  ]);
}

/**
 * nginx fills the port in when it starts. Files with a digest in their name may be kept for good by whoever asks for them.
 * @param fallback a path without a file is answered with index.html
 */
export function nginxTemplate(fallback: boolean): string {
  return text([
    '# nginx puts the value of the variable PORT in when it starts.',
    'server {',
    '  listen ${PORT};',
    '  root /usr/share/nginx/html;',
    '',
    '  location = /health {',
    '    access_log off;',
    '    default_type text/plain;',
    '    return 200 "ok\n";',
    '  }',
    '',
    '  location /assets/ {',
    '    add_header Cache-Control "public, max-age=31536000, immutable";',
    '    try_files $uri =404;',
    '  }',
    '',
    '  location / {',
    '    add_header Cache-Control "no-cache";',
    `    try_files $uri $uri/ ${fallback ? '/index.html' : '=404'};`,
    '  }',
    '}',
  ]);
}

const text = (lines: readonly string[]): string => `${lines.join('\n')}\n`;

/** In the form of JSON where a space would end a name; `$` would begin a variable. */
function copy(sources: readonly string[], target: string): string {
  const words = [...sources, target].map((path) => path.replaceAll('$', '\\$'));
  return `COPY ${words.some((each) => /[\s"]/.test(each)) ? JSON.stringify(words) : words.join(' ')}`;
}
