import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBaseImage, pushBase } from './base-image.js';
import { describeWithEngine } from './engine.spec-support.js';
import { startRegistry } from './registry.js';

describeWithEngine('the base image of tests', (engine) => {
  let folder = '';

  beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'base-image-')); });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('is pulled from a registry and runs Node as an ordinary user, with a shell and a writable /tmp', async () => {
    const registry = await startRegistry(join(folder, 'registry'));
    try {
      const base = await makeBaseImage(join(folder, 'base'));
      expect(await makeBaseImage(join(folder, 'base'))).toEqual({ ...base, store: expect.anything() });
      const digest = await pushBase(base, registry.host, 'library/node:22-slim');
      execFileSync('skopeo', ['inspect', '--tls-verify=false', `docker://${registry.host}/library/node:22-slim@${digest}`.replace(':22-slim@', '@')]);
      const { docker } = engine();
      docker(['pull', '--quiet', `${registry.host}/library/node:22-slim`]);
      const script = 'echo $(id -u):$(node -p "process.version") > /tmp/a && cat /tmp/a';
      expect(docker(['run', '--rm', '--user', 'node', `${registry.host}/library/node:22-slim`, 'sh', '-c', script])).toBe(`1000:${process.version}\n`);
      docker(['image', 'rm', `${registry.host}/library/node:22-slim`]);
    } finally {
      await registry.stop();
    }
  });
}, ['docker-registry', 'skopeo']);
