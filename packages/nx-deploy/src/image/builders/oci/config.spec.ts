import { digestOf } from '../../digest.js';
import { stableJson } from '../../layout/index.js';
import { baseFacts, imageConfig, isReserved, type ConfigInput } from './config.js';

const BASE = digestOf('base');
const APP = digestOf('app');
const MODULES = digestOf('modules');

function input(more: Partial<ConfigInput> = {}, options: Partial<ConfigInput['options']> = {}, base: Partial<ConfigInput['base']['config']> = {}): ConfigInput {
  return {
    base: { digest: digestOf('manifest'), name: 'docker.io/library/node:22-slim', config: { os: 'linux', architecture: 'arm64', variant: 'v8', rootfs: { type: 'layers', diff_ids: [BASE] }, config: {}, ...base } },
    options: { user: '1000:1000', port: 3000, env: {}, labels: {}, ...options }, workingDirectory: '/app', entry: 'main.js',
    layers: [{ kind: 'modules', diffId: MODULES, reason: '42 packages of package-lock.json' }, { kind: 'application', diffId: APP, reason: '3 files of dist' }],
    projectName: 'api', variables: ['PORT', 'DATABASE_URL'], time: 1, ...more,
  };
}

it('is exactly this', () => {
  expect(imageConfig(input())).toEqual({
    os: 'linux', architecture: 'arm64', variant: 'v8', created: '1970-01-01T00:00:01Z',
    config: {
      User: '1000:1000', ExposedPorts: { '3000/tcp': {} }, Env: ['NODE_ENV=production', 'PORT=3000'], Entrypoint: ['node', 'main.js'], WorkingDir: '/app', StopSignal: 'SIGTERM',
      Labels: {
        'org.opencontainers.image.base.digest': digestOf('manifest'), 'org.opencontainers.image.base.name': 'docker.io/library/node:22-slim',
        'io.nx-deploy.project': 'api', 'io.nx-deploy.environment': 'DATABASE_URL,PORT',
      },
    },
    rootfs: { type: 'layers', diff_ids: [BASE, MODULES, APP] },
    history: [
      { created_by: 'the base image' },
      { created: '1970-01-01T00:00:01Z', created_by: 'nx-deploy: modules', comment: '42 packages of package-lock.json' },
      { created: '1970-01-01T00:00:01Z', created_by: 'nx-deploy: application', comment: '3 files of dist' },
    ],
  });
});

it('keeps variables of the base in their place, and ours win', () => {
  const Env = ['PATH=/usr/bin', 'NODE_ENV=development', 'A=1', 'EMPTY=', 'EQUALS=a=b'];
  const { config } = imageConfig(input({}, { env: { A: '2', B: 'x=y', PORT: '8080' } }, { config: { Env } }));
  expect(config?.Env).toEqual(['PATH=/usr/bin', 'NODE_ENV=production', 'A=2', 'EMPTY=', 'EQUALS=a=b', 'PORT=8080', 'B=x=y']);
});

it('takes a command instead of the entry, volumes and labels of the base, and no label that only its builder could write', () => {
  const Labels = { 'org.opencontainers.image.title': 'Node', 'io.nx-deploy.environment': 'OLD', 'org.opencontainers.image.base.name': 'debian', shared: 'base' };
  const { config } = imageConfig(input({ variables: [], base: { digest: BASE, config: { ...input().base.config, config: { Labels, Volumes: { '/data': {} } } } } }, {}));
  expect(config?.Labels).toEqual({ 'org.opencontainers.image.title': 'Node', shared: 'base', 'io.nx-deploy.project': 'api', 'org.opencontainers.image.base.digest': BASE });
  expect(config?.Volumes).toEqual({ '/data': {} });
  expect(imageConfig(input({}, { command: ['node', '--enable-source-maps', 'main.js'] })).config?.Entrypoint).toEqual(['node', '--enable-source-maps', 'main.js']);
  expect(imageConfig(input({}, { labels: { shared: 'own' } }, { config: { Labels } })).config?.Labels?.['shared']).toBe('own');
});

it('keeps the history of the base only when it tells of each layer', () => {
  const line = { created_by: 'ADD rootfs' };
  const empty = { created_by: 'ENV A=1', empty_layer: true };
  expect(imageConfig(input({ layers: [] }, {}, { history: [line, empty] })).history).toEqual([line, empty]);
  expect(imageConfig(input({ layers: [] }, {}, { history: [line, line] })).history).toEqual([{ created_by: 'the base image' }]);
});

it('has the time of its layers, and bytes that do not depend on the order of what it was given', () => {
  expect(imageConfig(input({ time: 1_735_689_600 })).created).toBe('2025-01-01T00:00:00Z');
  const labels = { a: '1', b: '2' };
  const turned = { b: '2', a: '1' };
  expect(stableJson(imageConfig(input({ variables: ['A', 'B'] }, { labels }))).equals(stableJson(imageConfig(input({ variables: ['B', 'A'] }, { labels: turned }))))).toBe(true);
});

it('knows which labels are its own', () => {
  expect(['io.nx-deploy.project', 'org.opencontainers.image.base.name', 'org.opencontainers.image.title'].map(isReserved)).toEqual([true, true, false]);
  expect(baseFacts({ digest: BASE, config: input().base.config })).toEqual({ 'org.opencontainers.image.base.digest': BASE });
});
