import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { baseArchive } from '../../../../../tools/images/base-image.js';
import { baseImageForTests } from '../../../../../tools/images/base-image.spec-support.js';
import { describeWithEngine } from '../../../../../tools/images/engine.spec-support.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { nginxTemplate, nodeDockerfile, siteDockerfile } from './contents.js';

const BASE = 'nx-deploy-dockerfile-base:1';
const SERVER = 'require("node:http").createServer((request, response) => response.end(process.getuid() + " " + process.cwd())).listen(process.env.PORT, process.env.HOST);';

describeWithEngine('a Dockerfile that was written', (engine) => {
  const root = temporaryFolder('dockerfile-generator');

  function build(dockerfile: string, files: Readonly<Record<string, string>>): string {
    const context = mkdtempSync(join(root, 'context-'));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(context, path, '..'), { recursive: true });
      writeFileSync(join(context, path), text);
    }
    const tag = `nx-deploy-dockerfile-${Math.random().toString(36).slice(2)}:1`;
    engine().docker(['build', '--tag', tag, '--file', '-', context], Buffer.from(dockerfile));
    rmSync(context, { recursive: true });
    return tag;
  }

  it('makes an image of a service that answers, and not as root', async () => {
    const { base, remove } = await baseImageForTests();
    engine().docker(['load'], await baseArchive(base, BASE));
    remove();
    const tag = build(nodeDockerfile({ about: 'x', base: BASE, port: 3000, output: 'my dist', entry: 'main.js' }), { 'my dist/main.js': SERVER });
    const id = engine().docker(['run', '--detach', '--publish', '127.0.0.1::3000', tag]).trim();
    try {
      const address = engine().docker(['port', id, '3000']).trim();
      let answer = '';
      for (const end = performance.now() + 120_000; answer === '' && performance.now() < end;) answer = await fetch(`http://${address}/`).then((response) => response.text(), () => '');
      expect(answer).toBe('1000 /app');
    } finally {
      engine().docker(['rm', '--force', id]);
    }
  }, 300_000);

  it('has the files of a site and the configuration of its server in the image', () => {
    const tag = build(siteDockerfile({ about: 'x', base: BASE, port: 8080, output: 'dist', template: 'nginx.conf.template' }), { 'dist/index.html': '<p>site</p>', 'nginx.conf.template': nginxTemplate(true) });
    const shown = (file: string): string => engine().docker(['run', '--rm', tag, 'cat', file]);
    expect(shown('/usr/share/nginx/html/index.html')).toBe('<p>site</p>');
    expect(shown('/etc/nginx/templates/default.conf.template')).toBe(nginxTemplate(true));
  }, 300_000);
});
