import { addProjectConfiguration, readJson } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { createTreeWithEmptyWorkspace } from '@nx/devkit/testing';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { loadHealthFile } from '../../config/load.js';
import { setupGenerator } from './generator.js';

const EXPRESS = "import express from 'express';\nconst app = express();\napp.listen(3000);\n";
let tree: Tree;

beforeEach(() => {
  tree = createTreeWithEmptyWorkspace();
  jest.spyOn(console, 'info').mockImplementation();
  addProjectConfiguration(tree, 'api', { root: 'apps/api', targets: { build: { options: { main: '{projectRoot}/src/start.ts' } } } });
});
afterEach(() => { jest.restoreAllMocks(); });

it('adds the endpoint, checks, and the package', async () => {
  tree.write('apps/api/src/start.ts', EXPRESS);
  await setupGenerator(tree, { project: 'api', port: 8080 });
  expect(tree.read('apps/api/src/start.ts', 'utf8')).toContain('app.use(healthMiddleware(endpoint));');
  expect(readJson(tree, 'package.json').dependencies).toEqual({ 'nx-health': expect.stringMatching(/^\d/) });
  const health = readJson(tree, 'apps/api/health.json');
  expect(health).toMatchObject({ $schema: '../../node_modules/nx-health/health.schema.json', checks: { service: { url: 'http://127.0.0.1:8080/health' }, disk: { tags: ['preflight'] }, memory: { severity: 'degrading' } } });
  const folder = mkdtempSync(join(tmpdir(), 'nx-health-setup-'));
  writeFileSync(join(folder, 'health.json'), JSON.stringify(health));
  expect((await loadHealthFile(join(folder, 'health.json'), {})).checks.map(({ name }) => name)).toEqual(['service', 'disk', 'memory']);
  rmSync(folder, { recursive: true });
});

it('changes nothing the second time, and nothing that is there', async () => {
  tree.write('apps/api/src/start.ts', EXPRESS);
  tree.write('apps/api/deploy.json', '{\n  // mine\n  "artifact": { "type": "files" },\n  "environments": { "staging": {} }\n}\n');
  await setupGenerator(tree, { project: 'api' });
  expect(tree.read('apps/api/deploy.json', 'utf8')).toBe('{\n  // mine\n  "artifact": { "type": "files" },\n  "preflight": { "tags": ["preflight"] },\n  "environments": { "staging": {} }\n}\n');
  const before = tree.listChanges().map(({ path, content }) => [path, content?.toString()]);
  await (await setupGenerator(tree, { project: 'api', port: 1 }))();
  expect(tree.listChanges().map(({ path, content }) => [path, content?.toString()])).toEqual(before);
});

it.each<[string, boolean]>([
  ['{ "checks": { "web": { "kind": "memory", "tags": ["preflight"] } } }', true], ['{ // mine\n "defaults": { "tags": ["preflight"] }, "checks": { "web": { "kind": "memory" }, } }', true],
  ['{ "checks": { "web": { "kind": "memory" }, "x": null } }', false], ['{ "defaults": { "tags": ["preflight"] }, "checks": { "web": { "kind": "memory", "tags": ["x"] } } }', false], ['{ "defaults": null, "checks": null }', false], ['', false], ['[]', false], ['null', false],
])('asks for the checks of a health.json that is there before a deploy only where it has some for it: %s', async (health, wanted) => {
  tree.write('apps/api/health.json', health);
  tree.write('apps/api/deploy.json', '{ "environments": {} }');
  await setupGenerator(tree, { project: 'api', skipEndpoint: true });
  expect([tree.read('apps/api/health.json', 'utf8'), tree.read('apps/api/deploy.json', 'utf8')?.includes('"preflight"')]).toEqual([health, wanted]);
});

it('finds the usual files, takes the one that it is told, and leaves the source on request', async () => {
  tree.write('apps/api/src/main.ts', EXPRESS);
  tree.write('apps/api/lib/it.js', "const http = require('http');\nhttp.createServer((req, res) => {\n  res.end();\n});\n");
  await setupGenerator(tree, { project: 'api', skipPackageJson: true, skipEndpoint: true });
  expect(tree.read('apps/api/src/main.ts', 'utf8')).toBe(EXPRESS);
  expect(readJson(tree, 'package.json').dependencies).toEqual({});
  await setupGenerator(tree, { project: 'api', entry: 'lib/it.js' });
  expect(tree.read('apps/api/lib/it.js', 'utf8')).toContain("const { createEndpoint } = require('nx-health/endpoint');\n");
  await setupGenerator(tree, { project: 'api' });
  expect(tree.read('apps/api/src/main.ts', 'utf8')).not.toBe(EXPRESS);
});

it.each<[string | undefined, object, RegExp]>([
  [undefined, {}, /^no source of api was found \(src\/main\.ts, .*by --entry$/], [undefined, { entry: 'none.ts' }, /^there is no file apps\/api\/none\.ts; /], ['export {};\n', {}, /^apps\/api\/src\/main\.ts was not changed, nor anything else: the source makes no server of Express, .*; create it by hand/],
])('says what to do, and writes nothing', async (source, options, message) => {
  if (source !== undefined) tree.write('apps/api/src/main.ts', source);
  const before = tree.listChanges().length;
  await expect(setupGenerator(tree, { project: 'api', ...options })).rejects.toThrow(message);
  expect(tree.listChanges()).toHaveLength(before);
});

describe('what comes out runs', () => {
  const NEST = (create: string, more = ''): string => `import 'reflect-metadata';\nimport { Module } from '@nestjs/common';\nimport { NestFactory } from '@nestjs/core';\n${more}\nclass AppModule {}\nModule({})(AppModule);\nasync function bootstrap() {\n  const app = await NestFactory.create(${create});\n  await app.listen(0, '127.0.0.1');\n  console.log('PORT', app.getHttpServer().address().port);\n}\nvoid bootstrap();\n`;
  const SOURCES: Readonly<Record<string, string>> = {
    express: "import express from 'express';\nconst app = express();\napp.get('/hello', (_, res) => { res.send('hello'); });\nconst server = app.listen(0, '127.0.0.1', () => { console.log('PORT', (server.address() as { port: number }).port); });\n",
    'express in CommonJS': "const express = require('express');\nconst app = express(); app.get('/hello', (_, res) => {\n  res.send('hello'); });\nconst server = require('http').createServer(app);\nconst { log } = require('console');\nserver.listen(0, '127.0.0.1', () => { log('PORT', server.address().port); });\n",
    fastify: "import Fastify from 'fastify';\nconst app = Fastify();\napp.get('/hello', () => 'hello');\nvoid app.listen({ port: 0, host: '127.0.0.1' }).then((address) => { console.log('PORT', new URL(address).port); });\n",
    http: "import { createServer } from 'node:http';\nconst server = createServer((req, res) => {\n  res.end('hello');\n});\nserver.listen(0, '127.0.0.1', () => { console.log('PORT', (server.address() as { port: number }).port); });\n",
    'nest on one line': NEST("AppModule, { logger: false }").replace(/async function bootstrap[^]*?\n}/, (text) => text.replaceAll('\n', ' ')),
    nest: NEST("AppModule, { logger: false }"),
    'nest on fastify': NEST('AppModule, new FastifyAdapter(), { logger: false }', "import { FastifyAdapter } from '@nestjs/platform-fastify';\n"),
  };

  it.each(Object.keys(SOURCES))('on %s', async (name) => {
    tree.write('apps/api/src/main.ts', SOURCES[name] ?? '');
    await setupGenerator(tree, { project: 'api' });
    const { outputText } = ts.transpileModule(tree.read('apps/api/src/main.ts', 'utf8') ?? '', { compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true } });
    const folder = mkdtempSync(join(tmpdir(), 'nx-health-run-'));
    symlinkSync(join(__dirname, '../../../../../node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'main.cjs'), outputText);
    const child = spawn(process.execPath, ['main.cjs'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    try {
      let said = '';
      await new Promise<void>((resolve, reject) => {
        child.stdout.on('data', (chunk: Buffer) => { said += chunk.toString(); if (/PORT \d+/.test(said)) resolve(); });
        void ended.then(() => { reject(new Error(`it ended: ${said}`)); });
      });
      const url = `http://127.0.0.1:${/PORT (\d+)/.exec(said)?.[1] ?? ''}`;
      expect(await Promise.all(['/health', '/ready', '/live', '/none'].map(async (path) => { const { status } = await fetch(url + path); return status; }))).toEqual([200, 200, 200, name === 'http' ? 200 : 404]);
      if (!name.startsWith('nest')) expect(await (await fetch(`${url}/hello`)).text()).toBe('hello');
    } finally {
      child.kill('SIGKILL');
      await ended.catch(() => undefined);
      rmSync(folder, { recursive: true });
    }
  });
});
