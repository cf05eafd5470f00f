import { Ajv } from 'ajv';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from './load.js';
import { jsonSchema } from './schema.js';

const PUBLISHED = join(__dirname, '../../deploy.schema.json');
const UPDATE = 'UPDATE_SCHEMA=1 npx jest --selectProjects=unit --testPathPatterns config/schema.spec';

function generated(): string {
  return `${JSON.stringify(jsonSchema(), null, 2)}\n`;
}

const base = { artifact: { type: 'files' }, environments: { staging: {} } };

const GOOD: readonly object[] = [
  base,
  { ...base, $schema: './x.json', service: 'api', command: ['node', 'main.js'], port: 3000, drain: '0s', keep: 1, health: { passes: 3 } },
  { ...base, artifact: { type: 'files', path: '{workspaceRoot}/dist/apps/api', entry: 'src/main.cjs', dependencies: 'traced' } },
  { ...base, artifact: { type: 'image' } },
  { ...base, artifact: { type: 'image', builder: 'oci', bundle: true, base: 'oci:{workspaceRoot}/base', assets: ['public/**'], user: '0', port: 80, env: { A: '' }, command: ['node', 'x.js'], labels: { 'a.b/c': '' } } },
  { ...base, artifact: { type: 'image', dependencies: 'installed', platforms: ['linux/amd64', 'linux/arm/v7'], push: ['a/b', { repository: 'a.example/b', tags: ['{version}-{commit}.{branch}_{hash}', 'latest'] }], plainHttp: ['a:5000'] } },
  { ...base, artifact: { type: 'image', builder: 'docker', dockerfile: 'a/Dockerfile', context: '..', target: 'prod', args: { A: 'b' }, engine: 'podman', secrets: [{ id: 'a', env: 'A' }, { id: 'b', file: '/run/b' }], cacheFrom: ['type=inline'], cacheTo: ['x'] } },
  { ...base, artifact: { type: 'image', builder: '@nx/docker', secrets: [] } },
  { ...base, artifact: { type: 'package' } },
  { ...base, artifact: { type: 'package', path: '../dist', bundle: true, assets: ['public/**'], templates: ['a.template'], scripts: [], docs: ['*.md'], tests: ['smoke/*'], exclude: ['**/*.map'], requires: { node: '>=20', services: [{ name: 'postgres' }] }, api: { document: 'openapi.yaml', previous: '{workspaceRoot}/x.tar.gz' }, smoke: { env: { A: '' }, timeout: '1m' } }, verify: { mode: 'warn', keys: ['{workspaceRoot}/a.pub'], identities: ['https://ci'], provenance: true, requireSbom: true } },
  { ...base, artifact: { type: 'package', smoke: false }, environments: { a: { verify: { mode: 'off' } } } },
  { ...base, hooks: { preDeploy: [['node', 'x.js'], { run: ['node', 'y.js'], env: ['DATABASE_URL'], timeout: '1m' }] } },
  { ...base, processes: { worker: { command: ['node', 'w.js'], instances: 0, early: true }, clock: { command: ['node', 'c.js'], exclusive: true } } },
  { ...base, environments: { a: { platform: { type: 'local' }, strategy: { type: 'rolling', batch: 50 }, listen: { host: 'api.test' } }, b: { strategy: 'recreate', listen: 80, limits: { memory: '1.5GiB' } } } },
  { ...base, after: ['api', '@shop/web'] },
  { ...base, artifact: { type: 'image' }, container: { readOnly: false, user: '1000:node', capabilities: ['CAP_CHOWN'], mounts: [{ source: 'a', target: '/a' }, { source: '/b', target: '/b', readOnly: true }], tmpfs: [], networks: ['x'], hosts: { a: '::1', b: 'host-gateway' }, restart: 'no', log: { driver: 'journald', options: { tag: 'x' } }, release: { command: ['x'], timeout: '1m' } }, limits: { cpu: 0.5, pids: 10 }, environments: { a: { platform: 'docker', listen: 80 } } },
  { ...base, artifact: { type: 'image' }, environments: { a: { platform: { type: 'docker', engine: 'podman', context: 'prod', router: { image: 'haproxy:3.0', network: 'published' } }, listen: { port: 443, path: '/api/v1', certificate: ['a.pem'] }, container: {} } } },
  {
    ...base, checks: {
      a: { type: 'http', url: '/health', status: 204 }, b: { type: 'http', url: 'https://x.example/y?z=1' }, c: { type: 'tcp', host: 'db', port: 5432, interval: '1s', timeout: '1s', failures: 1, errors: 1 },
      d: { type: 'command', run: ['node', 'x.js'], env: ['A'] }, e: { type: 'prometheus', url: 'http://p:9090', query: 'up', limit: '>0', token: 'T' },
    },
    watch: { time: '15m', unhealthy: '1m', triggers: [{ errorRate: ['< 5%', '< 1.5x baseline'], window: '3m' }, { latencyP95: '< 50ms over baseline' }], checks: ['a'], minimum: 5, baseline: '1h', inconclusive: 'rollback' },
    environments: { a: { strategy: { type: 'canary', analyse: { checks: ['c'], errorRate: '< 1% over stable', baseline: '5m' } }, checks: {} }, b: { watch: {} } },
  },
  { ...base, notifications: {
    a: { type: 'slack', webhook: 'U', on: ['failure'], level: 4, templates: { failure: '{reason}' }, timeout: '5s' }, b: { type: 'webhook', url: 'https://x.example/y', secret: 'K' },
    c: { type: 'email', host: 'h', port: 25, security: 'none', from: 'a@b.example', to: ['c@d.example'] }, d: { type: 'command', run: ['x'], env: ['A'] },
  }, environments: { a: { notifications: {} } } },
  { ...base, watch: '0s', strategy: 'canary', environments: { a: { strategy: 'blue-green' }, b: { watch: '1m', strategy: { type: 'blue-green', smoke: [], approve: { text: 'ok?', expires: '1h' }, soak: '5m', analyse: false, keepWarm: '0s' } } } },
  { ...base, strategy: { type: 'canary', steps: [{ weight: 10, soak: '0s', approve: 'fine?' }, { weight: 50 }], smoke: ['/', { path: '/a', status: 301 }], analyse: { errorRate: '< 5%', latencyP99: '< 1.5x stable', minimum: 1, inconclusive: 'ask' }, sticky: true, header: 'x-canary' } },
];

const BAD: readonly object[] = [
  {},
  { ...base, after: 'api' },
  { ...base, after: ['tag:api'] },
  { ...base, after: ['!api'] },
  { ...base, instances: 2 },
  { ...base, service: 'Api' },
  { ...base, artifact: { type: 'images' } },
  { ...base, artifact: { type: 'image', builder: 'kaniko' } },
  { ...base, artifact: { type: 'image', dockerfile: 'Dockerfile' } },
  { ...base, artifact: { type: 'image', builder: 'docker', base: 'node' } },
  { ...base, artifact: { type: 'image', builder: '@nx/docker', args: {} } },
  { ...base, artifact: { type: 'image', builder: '@nx/docker', engine: 'docker' } },
  { ...base, artifact: { type: 'files', base: 'node' } },
  { ...base, artifact: { type: 'image', platforms: ['windows/amd64'] } },
  { ...base, artifact: { type: 'image', platforms: [] } },
  { ...base, artifact: { type: 'image', labels: { 'io.nx-deploy.environment': 'x' } } },
  { ...base, artifact: { type: 'image', labels: { 'a=b': 'x' } } },
  { ...base, artifact: { type: 'image', env: { 'A-B': '' } } },
  { ...base, artifact: { type: 'image', env: { A: 1 } } },
  { ...base, artifact: { type: 'image', port: 0 } },
  { ...base, artifact: { type: 'image', user: 'a b' } },
  { ...base, artifact: { type: 'image', assets: ['../**'] } },
  { ...base, artifact: { type: 'image', push: [{ repository: 'a/b', tags: ['-x'] }] } },
  { ...base, artifact: { type: 'image', push: [{ repository: 'a/b', tags: ['{date}'] }] } },
  { ...base, artifact: { type: 'image', push: [{ repository: 'a/b', tags: [] }] } },
  { ...base, artifact: { type: 'image', plainHttp: ['http://a'] } },
  { ...base, artifact: { type: 'image', builder: 'docker', secrets: [{ id: 'a' }] } },
  { ...base, artifact: { type: 'image', builder: 'docker', secrets: [{ id: 'a', env: 'A', file: 'b' }] } },
  { ...base, artifact: { type: 'image', builder: 'docker', engine: 'buildah' } },
  { ...base, artifact: { type: 'package', scripts: ['../x'] } },
  { ...base, artifact: { type: 'package', smoke: true } },
  { ...base, artifact: { type: 'package', smoke: { env: { 'a-b': '' } } } },
  { ...base, artifact: { type: 'package', requires: { services: [{ version: '1' }] } } },
  { ...base, artifact: { type: 'package', user: '0' } },
  { ...base, verify: { mode: 'strict' } },
  { ...base, verify: { key: [] } },
  { ...base, artifact: { type: 'files', entry: '../main.js' } },
  { ...base, environments: {} },
  { ...base, environments: { Staging: {} } },
  { ...base, environments: { staging: { strategy: 'canarry' } } },
  { ...base, environments: { staging: { strategy: { type: 'canary', steps: [] } } } },
  { ...base, environments: { staging: { strategy: { type: 'canary', steps: [{ weight: 100 }] } } } },
  { ...base, environments: { staging: { strategy: { type: 'canary', steps: [{ weight: 5, aprove: true }] } } } },
  { ...base, environments: { staging: { strategy: { type: 'canary', header: 'x y' } } } },
  { ...base, environments: { staging: { strategy: { type: 'blue-green', steps: [{ weight: 5 }] } } } },
  { ...base, environments: { staging: { strategy: { type: 'blue-green', analyse: { errorRate: '5%' } } } } },
  { ...base, environments: { staging: { strategy: { type: 'blue-green', smoke: ['health'] } } } },
  { ...base, watch: 30 },
  { ...base, notifications: { a: { type: 'slack', webhook: 'https://x' } } },
  { ...base, notifications: { a: { type: 'slack' } } },
  { ...base, notifications: { a: { type: 'email', host: 'h', from: 'x', to: ['c@d'] } } },
  { ...base, notifications: { a: { type: 'command', run: ['x'], on: [] } } },
  { ...base, watch: { for: '5m' } },
  { ...base, watch: { triggers: [{ errorRate: '5%' }] } },
  { ...base, watch: { triggers: [{ errorRate: [] }] } },
  { ...base, watch: { inconclusive: 'ask' } },
  { ...base, checks: { a: { type: 'ping' } } },
  { ...base, checks: { a: { type: 'http', url: 'health' } } },
  { ...base, checks: { a: { type: 'http', url: 'https://user:secret@x.example/' } } },
  { ...base, checks: { a: { type: 'tcp', host: 'db' } } },
  { ...base, checks: { a: { type: 'command', run: 'node x.js' } } },
  { ...base, checks: { a: { type: 'prometheus', url: 'http://p', query: 'up', limit: '= 1' } } },
  { ...base, checks: { a: { type: 'prometheus', url: 'http://p/?x=y', query: 'up', limit: '> 1' } } },
  { ...base, checks: { 'two words': { type: 'tcp', host: 'a', port: 1 } } },
  { ...base, environments: { staging: { strategy: { type: 'canary', analyse: { errorRate: ['< 5%', '< 5'] } } } } },
  { ...base, environments: { staging: { strategy: { type: 'recreate', batch: 3 } } } },
  { ...base, environments: { staging: { listen: 0 } } },
  { ...base, environments: { staging: { platform: 'dokcer' } } },
  { ...base, environments: { staging: { platform: { type: 'docker', contexts: 'a' } } } },
  { ...base, environments: { staging: { platform: { type: 'docker', engine: 'containerd' } } } },
  { ...base, environments: { staging: { platform: { type: 'docker', router: { network: 'bridge' } } } } },
  { ...base, environments: { staging: { platform: { type: 'local', context: 'a' } } } },
  { ...base, environments: { staging: { listen: { port: 1, path: '/api/' } } } },
  { ...base, environments: { staging: { listen: { port: 1, certificate: [] } } } },
  { ...base, container: { mounts: [{ source: 'a:b', target: '/a' }] } },
  { ...base, container: { mounts: [{ source: 'a', target: 'a' }] } },
  { ...base, container: { readonly: true } },
  { ...base, container: { tmpfs: ['tmp'] } },
  { ...base, container: { log: { options: { 'max-file': 3 } } } },
  { ...base, container: { release: {} } },
  { ...base, container: { restart: 'never' } },
  { ...base, limits: { cpu: 0 } },
  { ...base, limits: { pids: 0 } },
  { ...base, environments: { staging: { listen: { host: 'a b' } } } },
  { ...base, command: [] },
  { ...base, drain: '30 s' },
  { ...base, limits: { memory: 512 } },
  { ...base, hooks: { beforeDeploy: [] } },
  { ...base, processes: { 'two words': {} } },
];

describe('deploy.schema.json', () => {
  const validate = new Ajv({ allErrors: true, strict: true, strictTypes: false }).compile(jsonSchema());

  it('is what the code says', () => {
    if (process.env['UPDATE_SCHEMA'] === '1') writeFileSync(PUBLISHED, generated());
    const published = readFileSync(PUBLISHED, 'utf8');
    if (published !== generated()) throw new Error(`deploy.schema.json is not what config/schema.ts says; write it anew with: ${UPDATE}`);
    expect(published).toMatch(/^[ -~\n]+$/);
  });

  it.each(GOOD.map((sample) => [JSON.stringify(sample), sample]))('accepts %s, as the loader does', (text, sample) => {
    expect(validate(sample)).toBe(true);
    expect(() => parseConfig(text, 'f')).not.toThrow();
  });

  it.each(BAD.map((sample) => [JSON.stringify(sample), sample]))('refuses %s, as the loader does', (text, sample) => {
    expect(validate(sample)).toBe(false);
    expect(() => parseConfig(text, 'f')).toThrow('the deploy configuration has');
  });

  it('describes every key, and gives examples that are valid', () => {
    const bare: string[] = [];
    visit(jsonSchema(), '', (key, node) => {
      if (typeof node['description'] !== 'string') bare.push(key);
      const samples = [...(Array.isArray(node['examples']) ? node['examples'] as unknown[] : []), ...('default' in node ? [node['default']] : [])];
      const check = new Ajv({ strict: false }).compile(node);
      for (const sample of samples) expect({ key, sample, valid: check(sample) }).toEqual({ key, sample, valid: true });
    });
    expect(bare).toEqual([]);
  });
});

describe('docs/deploy-json.md', () => {
  const page = readFileSync(join(__dirname, '../../../../docs/deploy-json.md'), 'utf8');
  const rows = new Map(page.split('\n').flatMap((line) => {
    const key = /^\| `([^`]+)` \|/.exec(line)?.[1];
    return key === undefined ? [] : [[key, line] as const];
  }));
  const keys = new Map<string, unknown>();
  visit(jsonSchema(), '', (path, node) => {
    const inner = path.slice(1).split('/');
    // What may stand at the top is explained once, there.
    const [first, second = ''] = inner;
    const repeated = first === 'environments' && topLevel().includes(second);
    if (repeated || inner.at(-1) === 'type') return;
    keys.set(inner.join('.').replace(/^(environments|processes|checks|notifications)\./, '$1.<name>.').replace(/(preDeploy|postDeploy|preRollback|postRollback)\.(?=\w)/, '<hook>.'), node['default']);
  });

  it.each([...keys])('explains %s, with its default %j', (key, value) => {
    expect(rows.get(key)).toBeDefined();
    if (value !== undefined) expect(rows.get(key)).toContain(`\`${JSON.stringify(value)}\``);
  });

  it('explains nothing that does not exist', () => {
    expect([...rows.keys()].filter((key) => !keys.has(key) && key !== 'artifact.type')).toEqual([]);
  });

  it('has examples that are valid', () => {
    const examples = [...page.matchAll(/^ *```jsonc\n([^]*?)^ *```/gm)].map((match) => match[1] ?? '');
    expect(examples.length).toBeGreaterThan(1);
    for (const example of examples) expect(() => parseConfig(example, 'docs')).not.toThrow();
  });
});

it.each(['platforms/docker.md', 'getting-started.md', 'coming-from-nx-docker.md', 'coming-from-kamal.md', 'images/dockerfile.md', 'analysis.md', 'notifications.md'])('docs/%s has examples that are valid', (name) => {
  const page = readFileSync(join(__dirname, '../../../../docs', name), 'utf8');
  const examples = [...page.matchAll(/^```jsonc\n([^]*?)^```/gm)].map((match) => match[1] ?? '');
  expect(examples).not.toEqual([]);
  for (const example of examples) expect(() => parseConfig(example, name)).not.toThrow();
});

function topLevel(): readonly string[] {
  return Object.keys((jsonSchema() as { properties: object }).properties);
}

type Node = Readonly<Record<string, unknown>>;

function visit(schema: unknown, at: string, see: (key: string, node: Node) => void): void {
  if (typeof schema !== 'object' || schema === null) return;
  if (Array.isArray(schema)) return schema.forEach((each: unknown) => visit(each, at, see));
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'properties') {
      for (const [name, node] of Object.entries(value as Record<string, Node>)) {
        see(`${at}/${name}`, node);
        visit(node, `${at}/${name}`, see);
      }
    } else if (['additionalProperties', 'items', 'anyOf', 'oneOf'].includes(key)) visit(value, at, see);
  }
}
