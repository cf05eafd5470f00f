import type { Release } from '../../model/index.js';
import { CONTAINER_DEFAULTS, imageTag, instanceName, onceArguments, startArguments } from './arguments.js';
import { macOf } from './network.js';

const key = { workspace: '@acme/shop', environment: 'production', service: 'api' };
const release: Release = {
  id: 'r0123456789ab', service: 'api', artifact: { type: 'image', digest: `sha256:${'a'.repeat(64)}`, config: `sha256:${'b'.repeat(64)}`, platform: 'linux/amd64', bytes: 1 },
  config: { digest: 'c', keys: {} },
  spec: {
    processes: { web: { command: [] }, worker: { command: ['node', 'worker.js', '; rm -rf /', '$(reboot)', 'a\nb'] } }, cwd: '.', port: 3_000,
    health: { path: '/health', timeout: 1_000, interval: 100, passes: 1 }, drain: 0, stopTimeout: 1_500, limits: { memory: 1_024, cpu: 0.5, pids: 7 }, container: CONTAINER_DEFAULTS,
  },
};

describe('the command line of an instance', () => {
  const web = startArguments({ key, release, process: 'web', slot: 1, network: 'nx-deploy', address: '172.18.0.2' }, ['--env-file=/tmp/env']);

  it('holds nothing back: no privileges, limits, rotation, a fixed address, a name and labels of its own', () => {
    expect(web).toEqual([
      'run', '--detach', '--init', '--pull=never', `--name=${instanceName({ key, release, process: 'web', slot: 1 })}`,
      '--label=io.nx-deploy.role=instance', '--label=io.nx-deploy.workspace=@acme/shop', '--label=io.nx-deploy.environment=production', '--label=io.nx-deploy.service=api',
      '--label=io.nx-deploy.release=r0123456789ab', '--label=io.nx-deploy.process=web', '--label=io.nx-deploy.slot=1', '--label=io.nx-deploy.port=3000', '--label=io.nx-deploy.address=172.18.0.2',
      '--network=nx-deploy', '--ip=172.18.0.2', '--restart=unless-stopped', '--stop-timeout=2', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--tmpfs=/tmp',
      '--memory=1024', '--memory-swap=1024', '--cpus=0.5', '--pids-limit=7', '--log-driver=json-file', '--log-opt=max-size=10m', '--log-opt=max-file=3', '--env-file=/tmp/env',
      imageTag(key, release.id),
    ]);
  });

  it('has a network card of its own address where that is given', () => {
    const words = startArguments({ key, release, process: 'web', slot: 1, network: 'nx-deploy', address: '172.18.0.200', mac: macOf('172.18.0.200') }, []);
    expect(words.slice(words.indexOf('--ip=172.18.0.200')).slice(0, 2)).toEqual(['--ip=172.18.0.200', '--mac-address=02:42:ac:12:00:c8']);
    expect(web.filter((word) => word.startsWith('--mac'))).toEqual([]);
  });

  it('hands every word of a command over as it is, in place of what the image starts', () => {
    const worker = startArguments({ key, release, process: 'worker', slot: 2, network: 'nx-deploy' }, []);
    expect(worker.slice(worker.indexOf(imageTag(key, release.id)) - 1)).toEqual(['--entrypoint=node', imageTag(key, release.id), 'worker.js', '; rm -rf /', '$(reboot)', 'a\nb']);
    expect(worker.filter((word) => word.startsWith('--ip'))).toEqual([]);
  });

  it('takes mounts, users, capabilities and hosts, and quotes what a mount would take for its own', () => {
    const container = { ...CONTAINER_DEFAULTS, readOnly: false, user: '1000:1000', capabilities: ['NET_BIND_SERVICE'], hosts: { db: '10.0.0.5' }, mounts: [
      { source: 'data', target: '/data', readOnly: false }, { source: '/srv/a,readonly=false "x"', target: '/srv', readOnly: true },
    ] };
    const words = startArguments({ key, release: { ...release, spec: { ...release.spec, container } }, process: 'web', slot: 1, network: 'nx-deploy' }, []);
    expect(words).toEqual(expect.arrayContaining([
      '--user=1000:1000', '--cap-drop=ALL', '--cap-add=NET_BIND_SERVICE', '--add-host=db:10.0.0.5', '--mount=type=volume,source=data,target=/data',
      '--mount=type=bind,"source=/srv/a,readonly=false ""x""",target=/srv,readonly',
    ]));
    expect(words).not.toContain('--read-only');
  });

  it('names services apart that differ by workspace, environment or name alone', () => {
    const others = [{ ...key, workspace: 'acme-shop' }, { ...key, environment: 'staging' }, { ...key, service: 'api2' }];
    const names = [key, ...others].map((each) => instanceName({ key: each, release, process: 'web', slot: 1 }));
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/);
  });

  it('runs a release command in a container that is gone when it has ended, with the same limits', () => {
    const words = onceArguments({ key, release, network: 'nx-deploy' }, 'nx-deploy-once-x', [], ['node', 'migrate.js']);
    expect(words.slice(0, 4)).toEqual(['create', '--rm', '--init', '--pull=never']);
    expect(words).toEqual(expect.arrayContaining(['--label=io.nx-deploy.role=once', '--cap-drop=ALL', '--memory=1024', '--read-only']));
    expect(words.slice(-3)).toEqual(['--entrypoint=node', imageTag(key, release.id), 'migrate.js']);
  });
});
