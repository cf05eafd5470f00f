import { DeployError } from '../errors.js';
import { parseConfig } from './load.js';
import { resolveEnvironment } from './resolve.js';
import type { ResolvedEnvironment } from './resolved.js';

const image = { type: 'image' };

function resolved(file: object, { environment = 'live', defaults }: { environment?: string; defaults?: unknown } = {}): ResolvedEnvironment {
  return resolveEnvironment({ ...parseConfig(JSON.stringify(file), '/w/apps/api/deploy.json'), environment, defaults, projectRoot: 'apps/api', workspaceRoot: '/w', projectName: 'api' });
}

function problems(file: object, options: { defaults?: unknown } = {}): readonly string[] {
  try {
    resolved(file, options);
  } catch (error) {
    if (error instanceof DeployError && error.code === 'ND-CONFIG-INVALID') return error.parts.problems ?? [];
    throw error;
  }
  return [];
}

const live = (own: object = {}): object => ({ live: { platform: 'docker', listen: 8080, ...own } });

describe('an environment on docker', () => {
  it('has the built-in defaults', () => {
    const { platform, container, port, processes, listen, ...rest } = resolved({ artifact: image, environments: live() });
    expect(platform).toEqual({ type: 'docker', place: { program: 'docker', router: { image: 'haproxy:3.0', network: 'host' } } });
    expect(container).toEqual({
      readOnly: true, capabilities: [], mounts: [], tmpfs: ['/tmp'], networks: [], hosts: {}, restart: 'unless-stopped',
      log: { driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } },
    });
    expect({ port, listen, web: processes['web'] }).toEqual({ port: 0, listen: { address: '127.0.0.1', port: 8080 }, web: { scale: { fixed: 1 }, spec: { command: [] } } });
    expect(rest.artifact).toBeUndefined();
  });

  it('takes the engine as it is named, and from the workspace when it is not', () => {
    const place = { type: 'docker', engine: 'podman', context: 'prod', router: { network: 'published', image: 'h:1' } };
    const expected = { type: 'docker', place: { program: 'podman', context: 'prod', router: { image: 'h:1', network: 'published' } } };
    expect(resolved({ artifact: image, environments: live({ platform: place }) }).platform).toEqual(expected);
    expect(resolved({ artifact: image, environments: { live: { listen: 1 } } }, { defaults: { platform: place } }).platform).toEqual(expected);
  });

  it('joins container and limits key by key', () => {
    const file = { artifact: image, container: { user: 'node', capabilities: ['CAP_CHOWN'] }, limits: { memory: '1MB' }, environments: live({ container: { readOnly: false, user: '0' }, limits: { cpu: 0.5 } }) };
    const { container, limits } = resolved(file, { defaults: { container: { restart: 'no', log: { driver: 'journald' } }, limits: { pids: 9 } } });
    expect(container).toMatchObject({ readOnly: false, user: '0', capabilities: ['CHOWN'], restart: 'no', log: { driver: 'journald', options: {} } });
    expect(limits).toEqual({ memory: 1e6, cpu: 0.5, pids: 9 });
  });

  it('has mounts that can be written, and a release command with its time', () => {
    const { container } = resolved({ artifact: image, container: { mounts: [{ source: 'a', target: '/a' }], release: { command: ['node', 'm.js'] } }, environments: live() });
    expect(container).toMatchObject({ mounts: [{ source: 'a', target: '/a', readOnly: false }], release: { command: ['node', 'm.js'], timeout: 300_000 } });
  });

  it('has the command of deploy.json for an image of a Dockerfile alone', () => {
    const command = ['node', 'x.js'];
    expect(resolved({ artifact: { type: 'image', builder: 'docker' }, command, environments: live() }).processes['web']?.spec.command).toEqual(command);
    expect(resolved({ artifact: image, command, environments: live() }).processes['web']?.spec.command).toEqual([]);
  });

  it('may have a fixed port, several instances, and its public port as its own', () => {
    expect(resolved({ artifact: image, port: 8080, environments: live({ instances: 3 }) })).toMatchObject({ port: 8080, strategy: { type: 'rolling' } });
  });

  it('finds certificates like every other file', () => {
    const listen = (certificate: unknown): object => live({ listen: { port: 443, path: '/api', certificate } });
    expect(resolved({ artifact: image, environments: listen('a.pem') }).listen).toEqual({ address: '127.0.0.1', port: 443, path: '/api', certificates: ['/w/apps/api/a.pem'] });
    expect(resolved({ artifact: image, environments: listen(['/etc/b.pem', '{workspaceRoot}/c.pem']) }).listen.certificates).toEqual(['/etc/b.pem', '/w/c.pem']);
  });

  it.each(['files', 'package'])('refuses an artifact of the type %s', (type) => {
    expect(problems({ artifact: { type }, environments: live() })).toEqual([expect.stringContaining(`environments.live.platform (1:${type === 'files' ? 65 : 67}): must be "local" for an artifact of the type "${type}": docker runs images`)]);
  });

  it('refuses to be without a public port', () => {
    expect(problems({ artifact: image, environments: { live: { platform: 'docker' } } })).toEqual([expect.stringMatching(/^environments\.live.*: must have a "port" on docker/)]);
  });
});

describe('keys of docker on local', () => {
  const text = /must not stand here: only docker takes it, and this is on local/;

  it('are refused in the environment', () => {
    const found = problems({ artifact: image, environments: { live: { container: {}, limits: { cpu: 1, pids: 1, memory: '1MB' }, listen: { port: 1, path: '/a', certificate: 'x' } } } });
    expect(found.map((line) => line.split(' ')[0])).toEqual(['environments.live.container', 'environments.live.limits.cpu', 'environments.live.limits.pids', 'environments.live.listen.path', 'environments.live.listen.certificate']);
    for (const line of found) expect(line).toMatch(text);
  });

  it('are refused at the top when no environment is on docker, and else are for those that are', () => {
    const file = { artifact: image, container: {}, limits: { cpu: 1 } };
    expect(problems({ ...file, environments: { live: {} } }).map((line) => line.split(' ')[0])).toEqual(['container', 'limits.cpu']);
    expect(problems({ ...file, environments: { live: {}, other: { platform: 'docker', listen: 1 } } })).toEqual([]);
    expect(problems({ ...file, environments: { live: {} } }, { defaults: { container: {} } })).toHaveLength(2);
    expect(problems({ artifact: image, environments: { live: {} } }, { defaults: { container: {}, limits: { cpu: 1 } } })).toEqual([]);
  });
});

describe('two environments with one public port', () => {
  const two = (a: object, b: object): object => ({ artifact: image, environments: { live: { platform: 'docker', listen: 80, ...a }, other: { platform: 'docker', listen: 80, ...b } } });

  it('are refused on one engine, unless each has another path', () => {
    expect(problems(two({}, {}))).toEqual([expect.stringContaining('environments.other.listen')]);
    expect(problems(two({ listen: { port: 80, path: '/a' } }, { listen: { port: 80, path: '/b' } }))).toEqual([]);
    expect(problems(two({ listen: { port: 80, path: '/a' } }, { listen: { port: 80, path: '/a' } }))).toEqual([expect.stringContaining('both have port 80 and path /a')]);
  });

  it('are let through on two engines: those are two worlds', () => {
    expect(problems(two({ platform: { type: 'docker', context: 'a' } }, { platform: { type: 'docker', context: 'b' } }))).toEqual([]);
    expect(problems(two({ platform: 'local' }, {}))).toEqual([]);
  });
});

it.each(['hosts', 'log.options'])('a name __proto__ in container.%s is no name', (key) => {
  const value = key === 'hosts' ? '{"hosts":{"__proto__":"::1"}}' : '{"log":{"options":{"__proto__":"a"}}}';
  const text = `{"artifact":{"type":"image"},"container":${value},"environments":{"live":{"platform":"docker","listen":1}}}`;
  expect(() => parseConfig(text, 'f')).toThrow('the deploy configuration has a problem');
});
