import { sep } from 'node:path';
import { DeployError } from '../errors.js';
import { defaultTerms } from '../model/index.js';
import type { ErrorParts } from '../errors.js';
import { parseConfig } from './load.js';
import { resolveEnvironment } from './resolve.js';
import type { ResolvedEnvironment } from './resolved.js';

interface Given {
  file?: object;
  staging?: object;
  environment?: string | undefined;
  defaults?: unknown;
  strategy?: string;
  projectName?: string;
}

function request({ file = {}, staging = {}, defaults, strategy, projectName = 'api', ...rest }: Given) {
  const text = JSON.stringify({ artifact: { type: 'files' }, ...file, environments: { staging, production: {} } });
  return {
    ...parseConfig(text, '/w/apps/api/deploy.json'),
    environment: 'environment' in rest ? rest.environment : 'staging',
    defaults, projectRoot: 'apps/api', workspaceRoot: '/w', projectName,
    ...(strategy === undefined ? {} : { overrides: { strategy } }),
  };
}

function resolved(given: Given): ResolvedEnvironment {
  return resolveEnvironment(request(given));
}

function failure(given: Given): ErrorParts & { code: string } {
  try {
    resolved(given);
  } catch (error) {
    if (error instanceof DeployError) return { code: error.code, ...error.parts };
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('one environment', () => {
  it('has the built-in defaults', () => {
    expect(resolved({})).toEqual({
      service: 'api', environment: 'staging', file: '/w/apps/api/deploy.json', platform: { type: 'local' },
      artifact: { type: 'files', path: '/w/apps/api/dist', entry: 'main.js', dependencies: 'bundled' },
      entry: 'main.js', packaged: false, verify: { mode: 'off', keys: [], identities: [], provenance: false, requireSbom: false },
      port: 0, health: { path: '/health', timeout: 60_000, interval: 500, passes: 2 }, drain: 30_000, stopTimeout: 10_000, limits: {},
      strategy: { type: 'rolling', batch: 25 }, processes: { web: { scale: { fixed: 1 }, spec: { command: ['node', 'main.js'] } } },
      listen: { address: '127.0.0.1' }, hooks: {}, deadline: 1_200_000, watch: { time: 30_000, terms: defaultTerms(undefined) }, notifications: [], keep: 5,
    });
  });

  it('takes the nearest value: environment, file, workspace', () => {
    const given = { defaults: { drain: '1s', keep: 9, stopTimeout: '3s', instances: 4 }, file: { drain: '2s', keep: 8 }, staging: { drain: '5s' } };
    expect(resolved(given)).toMatchObject({ drain: 5_000, keep: 8, stopTimeout: 3_000, processes: { web: { scale: { fixed: 4 } } } });
    expect(resolved({ ...given, environment: 'production' })).toMatchObject({ drain: 2_000, keep: 8 });
    expect(resolved({ ...given, staging: { instances: 2, keep: 1, port: 0 }, file: { port: 3000 } })).toMatchObject({ keep: 1, port: 0, processes: { web: { scale: { fixed: 2 } } } });
  });

  it('joins health, limits and hooks key by key', () => {
    const { health, hooks, limits } = resolved({
      defaults: { health: { passes: 5 }, hooks: { postDeploy: [['a']], preDeploy: [['b']] }, limits: { memory: '1GB' } },
      file: { health: { path: '/ready', interval: '1s' }, hooks: { preDeploy: [['c', '$(id)']] } },
      staging: { health: { interval: '2s' }, limits: { memory: '1GiB' }, hooks: { preRollback: [{ run: ['d'], env: ['TOKEN'], timeout: '1s' }] } },
    });
    expect(health).toEqual({ path: '/ready', interval: 2_000, passes: 5, timeout: 60_000 });
    expect(limits).toEqual({ memory: 1024 ** 3 });
    expect(hooks).toEqual({
      preDeploy: [{ run: ['c', '$(id)'], env: [], timeout: 300_000 }],
      postDeploy: [{ run: ['a'], env: [], timeout: 300_000 }],
      preRollback: [{ run: ['d'], env: ['TOKEN'], timeout: 1_000 }],
    });
  });

  it('joins processes by name', () => {
    const { processes } = resolved({
      file: { command: ['node', '--enable-source-maps', 'main.js'], processes: { worker: { command: ['node', 'w.js'] }, clock: { command: ['node', 'c.js'], early: true }, jobs: { command: ['cron'], exclusive: true } } },
      staging: { instances: 2, processes: { worker: { instances: 3 } } },
    });
    expect(processes).toEqual({
      web: { scale: { fixed: 2 }, spec: { command: ['node', '--enable-source-maps', 'main.js'] } },
      worker: { scale: { fixed: 3 }, spec: { command: ['node', 'w.js'] } },
      clock: { scale: { fixed: 1 }, spec: { command: ['node', 'c.js'], early: true } },
      jobs: { scale: { fixed: 1 }, spec: { command: ['cron'], exclusive: true } },
    });
  });

  it('refuses a process without a command, and says where', () => {
    expect(failure({ staging: { processes: { worker: { instances: 3 } } } }).problems).toEqual([expect.stringMatching(/^environments\.staging\.processes\.worker \(1:\d+\): must have a "command"/)]);
    expect(failure({ file: { processes: { worker: {} } } }).problems).toEqual([expect.stringMatching(/^processes\.worker /)]);
  });

  it('refuses a process that is to start early and to run in one release at a time', () => {
    expect(failure({ file: { processes: { jobs: { command: ['cron'], exclusive: true } } }, staging: { processes: { jobs: { early: true } } } }).problems).toEqual([expect.stringMatching(/^processes\.jobs .*cannot be "early" and "exclusive"/)]);
    expect(resolved({ file: { processes: { jobs: { command: ['cron'], exclusive: true } } }, staging: { processes: { jobs: { exclusive: false } } } }).processes['jobs']).toEqual({ scale: { fixed: 1 }, spec: { command: ['cron'] } });
  });

  it('ignores a web process among the defaults of the workspace', () => {
    expect(resolved({ defaults: { processes: { web: { instances: 9 } } } }).processes).toEqual({ web: { scale: { fixed: 1 }, spec: { command: ['node', 'main.js'] } } });
  });

  it('reads where to listen', () => {
    expect(resolved({ staging: { listen: 8080 } }).listen).toEqual({ address: '127.0.0.1', port: 8080 });
    expect(resolved({ staging: { listen: { host: 'API.test', address: '0.0.0.0', port: 80 } } }).listen).toEqual({ address: '0.0.0.0', port: 80, host: 'api.test' });
  });

  it('names the service after the project unless told', () => {
    expect(resolved({ projectName: '@org/api' }).service).toBe('org-api');
    expect(resolved({ file: { service: 'orders' } }).service).toBe('orders');
  });
});

describe('the artifact', () => {
  it.each([
    ['dist', '/w/apps/api/dist'],
    ['../../dist/apps/api', '/w/dist/apps/api'],
    ['{workspaceRoot}/dist/apps/api', '/w/dist/apps/api'],
    ['{projectRoot}/out', '/w/apps/api/out'],
    ['.', '/w/apps/api'],
    ['..output', '/w/apps/api/..output'],
  ])('at %s lies in %s', (path, expected) => {
    expect(resolved({ file: { artifact: { type: 'files', path } } }).artifact?.path).toBe(expected.replaceAll('/', sep));
  });

  it('takes a replacement pattern in a folder name as it stands', () => {
    const { describe: _describe, ...rest } = request({ file: { artifact: { type: 'files', path: '{workspaceRoot}/dist' } } });
    expect(resolveEnvironment({ ...rest, workspaceRoot: '/w$&x' }).artifact?.path).toBe('/w$&x/dist');
  });

  it.each(['../../..', '../../../other', '{workspaceRoot}/../x'])('at %s is refused: outside of the workspace', (path) => {
    expect(failure({ file: { artifact: { type: 'files', path } } }).problems).toEqual([expect.stringMatching(/^artifact\.path .*must lie in the workspace/)]);
  });

  it.each(['dist/{projectRoot}', '{options.outputPath}'])('at %s is refused: an unknown token', (path) => {
    expect(failure({ file: { artifact: { type: 'files', path } } }).problems).toEqual([expect.stringContaining('no token but')]);
  });
});

describe('the strategy', () => {
  it.each([
    ['recreate', { type: 'recreate' }],
    ['rolling', { type: 'rolling', batch: 25 }],
    [{ type: 'rolling' }, { type: 'rolling', batch: 25 }],
    [{ type: 'rolling', batch: 50 }, { type: 'rolling', batch: 50 }],
    [{ type: 'recreate' }, { type: 'recreate' }],
  ])('%j means %j', (strategy, expected) => {
    expect(resolved({ staging: { strategy } }).strategy).toEqual(expected);
  });

  it('of the command line wins, and keeps the batch of the file', () => {
    expect(resolved({ staging: { strategy: 'rolling' }, strategy: 'recreate' }).strategy).toEqual({ type: 'recreate' });
    expect(resolved({ staging: { strategy: { type: 'rolling', batch: 10 } }, strategy: 'rolling' }).strategy).toEqual({ type: 'rolling', batch: 10 });
  });

  it.each([['roling', 'did you mean "rolling"? choose one of: rolling, recreate, blue-green, canary'], ['totally-other', 'choose one of: rolling, recreate, blue-green, canary']])('%s of the command line is refused', (strategy, next) => {
    expect(failure({ strategy })).toMatchObject({ code: 'ND-OPTION-INVALID', why: `there is no strategy "${strategy}"`, next });
  });
});

describe('a fixed port', () => {
  const port = { port: 3000 };

  it('is fine for one instance that is recreated', () => {
    expect(resolved({ file: port, staging: { strategy: 'recreate', listen: 8080 } }).port).toBe(3000);
    expect(resolved({ file: port, strategy: 'recreate' }).strategy).toEqual({ type: 'recreate' });
  });

  it('is refused with several instances, with rolling, and as the public port, all at once', () => {
    const { code, problems } = failure({ file: port, staging: { instances: 2, listen: 3000, strategy: 'rolling' } });
    expect(code).toBe('ND-CONFIG-INVALID');
    expect(problems).toEqual([
      expect.stringMatching(/environments\.staging\.instances .*two instances cannot share a port.*PORT/),
      expect.stringMatching(/environments\.staging\.strategy .*must be "recreate"/),
      expect.stringMatching(/environments\.staging\.listen .*must differ/),
    ]);
  });
});

describe.each(['rolling', 'blue-green', 'canary'])('%s with a fixed port', (strategy) => {
  it('is refused: two releases run side by side', () => {
    expect(failure({ file: { port: 3000 }, staging: { strategy } }).problems).toEqual([expect.stringContaining(`must be "recreate" with the fixed port 3000, because ${strategy} runs a second instance`)]);
  });
});

describe('checks that do not fit together', () => {
  it('are refused when the passes take longer than the timeout', () => {
    expect(failure({ staging: { health: { timeout: '1s', interval: '1s' } } }).problems).toEqual([expect.stringMatching(/health .*must leave time for 2 passes/)]);
    expect(resolved({ staging: { health: { timeout: '1s', interval: '10m', passes: 1 } } }).health.passes).toBe(1);
  });

  it('are told without a place when there is no text', () => {
    const { describe: _describe, ...rest } = request({ file: { port: 3000 } });
    expect(() => resolveEnvironment(rest)).toThrow('has a problem');
  });
});

describe('an environment that does not exist', () => {
  it('is refused with the known ones and a suggestion', () => {
    expect(failure({ environment: 'stagin' })).toMatchObject({
      code: 'ND-ENVIRONMENT-UNKNOWN', what: 'there is no environment "stagin"', problems: ['environments of api: staging, production'],
      next: 'did you mean "staging"? name one with --configuration=<name>, for example --configuration=staging',
    });
  });

  it.each(['typo', '__proto__', 'constructor', 'toString', ''])('%j is refused', (environment) => {
    expect(failure({ environment }).code).toBe('ND-ENVIRONMENT-UNKNOWN');
  });

  it('is what no environment at all counts as', () => {
    expect(failure({ environment: undefined })).toMatchObject({ code: 'ND-ENVIRONMENT-UNKNOWN', what: 'no environment was named', next: expect.stringContaining('--configuration=<name>') });
  });

  it('is told in ASCII whatever was typed', () => {
    expect(failure({ environment: 'gr\u00fcn\n\u001b[31m' }).what).toMatch(/^[ -~]+$/);
  });
});

it('wrong defaults of the workspace are told with their place', () => {
  expect(failure({ defaults: { listen: 80 } })).toMatchObject({ code: 'ND-CONFIG-INVALID', where: expect.stringContaining('nx.json'), problems: [expect.stringContaining('listen: unknown key')] });
  expect(failure({ defaults: 'x' }).problems).toEqual(['the value: must be an object, got "x"']);
});
