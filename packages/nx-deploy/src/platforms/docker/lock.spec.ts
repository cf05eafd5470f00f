import { containerName } from './labels.js';
import { startArguments } from './lock.js';

const key = { workspace: 'acme', environment: 'production', service: 'api' };

test('the command line of a lock has its name, its labels and no right that it does not need', () => {
  const holder = { run: 'run-1', action: 'deploy', actor: { user: 'ann', host: 'here', pid: 7 }, since: '2026-01-01T00:00:00.000Z' } as const;
  const args = startArguments({ name: containerName(key, 'lock'), key, image: 'haproxy:lts', volume: 'nx-deploy-state', holder });
  expect(args.slice(0, -6)).toEqual([
    'run', '--rm', '--interactive', expect.stringMatching(/^--name=nx-deploy-lock-api\.production\.[0-9a-f]{10}$/),
    '--label=io.nx-deploy.role=lock', '--label=io.nx-deploy.workspace=acme', '--label=io.nx-deploy.environment=production', '--label=io.nx-deploy.service=api',
    `--label=io.nx-deploy.holder=${JSON.stringify(holder)}`,
    '--network=none', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--pids-limit=256', '--memory=128m', '--log-driver=none', '--user=0:0',
    '--volume=nx-deploy-state:/state', '--entrypoint=sh',
  ]);
  expect(args.slice(-6)).toEqual(['haproxy:lts', '-c', expect.any(String), 'nx-deploy-keeper', '/state', '30']);
});

test('another workspace, environment or service has another name', () => {
  const names = [key, { ...key, workspace: 'b' }, { ...key, environment: 'b' }, { ...key, service: 'b' }].map((each) => containerName(each, 'lock'));
  expect(new Set(names).size).toBe(4);
});
