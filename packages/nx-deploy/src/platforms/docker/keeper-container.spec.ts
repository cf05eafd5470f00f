import { containerArguments, keeperName, keepingArguments } from './keeper-container.js';

test('the container that keeps the state has no right that it does not need, and is there again when its engine is', () => {
  expect(containerArguments('haproxy:lts', 'nx-deploy-state')).toEqual([
    'run', '--detach', '--init', '--name=nx-deploy-keeper', '--label=io.nx-deploy.role=keeper', '--restart=always', '--tmpfs=/locks:size=16m,mode=0700', '--pids-limit=1024', '--memory=512m',
    '--network=none', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges', '--log-driver=none', '--user=0:0', '--volume=nx-deploy-state:/state', '--entrypoint=sh',
    'haproxy:lts', '-c', expect.any(String),
  ]);
});

test('one that reads for a command may take less', () => {
  expect(keepingArguments('v').slice(0, 2)).toEqual(['--pids-limit=256', '--memory=128m']);
});

test('another volume has another container', () => {
  expect([keeperName('nx-deploy-state'), keeperName('other')]).toEqual(['nx-deploy-keeper', 'nx-deploy-keeper-other']);
});
