import ts from 'typescript';
import { addEndpoint } from './service-source.js';

/** What stands in the result and did not in the source: the source must be what is left without it. */
function added(text: string, lines: readonly string[]): string {
  const adding = addEndpoint(text, 'main.ts', 'api', ts);
  if (adding.state !== 'added') throw new Error(JSON.stringify(adding));
  let left = adding.text;
  expect(lines.map((line) => left.indexOf(line))).toEqual(lines.map((line) => left.indexOf(line)).sort((a, b) => a - b));
  for (const line of lines) {
    expect(left).toContain(line);
    left = left.replace(line, '');
  }
  expect(left).toBe(text);
  return adding.framework;
}

const why = (text: string): unknown => { const adding = addEndpoint(text, 'main.ts', 'api', ts); return adding.state === 'unknown' ? adding.why : adding; };

describe('the source', () => {
  it('of Express, with its comments and spaces', () => {
    const text = "// a service\nimport express from 'express' ;   // odd\nimport  { x }  from './x';\n\nconst app   =  express();  // here\n/* then */ app.get('/', (_, res) => { res.send( 'hello' ) });\napp.listen(3000);\n";
    expect(added(text, ["import { createEndpoint, healthMiddleware } from 'nx-health/endpoint';\n", "const endpoint = createEndpoint({ name: 'api' });\n", 'app.use(healthMiddleware(endpoint));\n'])).toBe('express');
  });

  it('in CommonJS, with double quotes, tabs, CRLF and no semicolons', () => {
    const text = '"use strict"\r\nconst express = require("express")\r\nconst port = 3000\r\n\r\nfunction start() {\r\n\tconst app = express()\r\n\tapp.listen(port)\r\n}\r\nstart()\r\n';
    expect(added(text, ['const { createEndpoint, healthMiddleware } = require("nx-health/endpoint")\r\n', 'const endpoint = createEndpoint({ name: "api" })\r\n\t', '\tapp.use(healthMiddleware(endpoint))\r\n'])).toBe('express');
  });

  it('of Fastify, by each of its names', () => {
    for (const [head, call] of [["import Fastify from 'fastify';", 'Fastify({ logger: true })'], ["import { fastify } from 'fastify';", 'fastify()'], ["import { fastify as make } from 'fastify';", 'make<X>(\n  { a: 1 },\n)'], ["const fastify = require('fastify')({ a: 1 }), y = 1;", '']] as const) {
      if (call === '') { expect(why(`${head}\nfastify.listen();\n`)).toMatch(/makes no server/); continue; }
      const text = `${head}\n\nexport const server = ${call};\nawait server.listen({ port: 3000 });\n`;
      expect(added(text, ["import { createEndpoint, healthHook } from 'nx-health/endpoint';\n", "const endpoint = createEndpoint({ name: 'api' });\n", 'healthHook(endpoint, server);\n'])).toBe('fastify');
    }
  });

  it('of Nest, on either platform', () => {
    const text = (create: string): string => `import { NestFactory } from '@nestjs/core';\nimport { AppModule } from './app.module';\n\nasync function bootstrap() {\n    const app = await NestFactory.create${create};\n    await app.listen(3000);\n}\nvoid bootstrap();\n`;
    expect(added(text('(AppModule)'), ["import { createEndpoint, healthMiddleware } from 'nx-health/endpoint';\n", "const endpoint = createEndpoint({ name: 'api' });\n    ", '    app.use(healthMiddleware(endpoint));\n'])).toBe('nest');
    expect(added(text('<NestFastifyApplication>(AppModule, new FastifyAdapter())'), ["import { createEndpoint, healthHook } from 'nx-health/endpoint';\n", "const endpoint = createEndpoint({ name: 'api' });\n    ", '    healthHook(endpoint, app.getHttpAdapter().getInstance());\n'])).toBe('nest-fastify');
  });

  it('of node:http, with the function there, elsewhere, empty or on one line', () => {
    const head = "import { createServer } from 'node:http';\n\n";
    const common = ["import { createEndpoint } from 'nx-health/endpoint';\n", "const endpoint = createEndpoint({ name: 'api' });\n"];
    expect(added(`${head}createServer((req, res) => {\n  res.end('hello');\n}).listen(3000);\n`, [...common, '\n  if (endpoint.handle(req, res)) return;'])).toBe('http');
    added(`${head}const server = createServer({ keepAlive: true }, function (a, b) { b.end(); });\n`, [...common, ' if (endpoint.handle(a, b)) return;']);
    added(`${head}function answer(request, response) {\n\tresponse.end();\n}\nconst server = createServer(answer);\n`, [...common, '\n\tif (endpoint.handle(request, response)) return;']);
    added(`${head}function answer(a, b) {\n  b.end();\n}\nfunction start() {\n  createServer(answer).listen(1);\n}\nstart();\n`, [common[0]!, common[1]!, '\n  if (endpoint.handle(a, b)) return;']);
    added("import * as http from 'http';\nconst answer = (request, response) => {\n};\nhttp.createServer(answer);\n", [...common, '\n  if (endpoint.handle(request, response)) return;']);
  });

  it('without a line break at its end, or behind an import on the last line', () => {
    added("import express from 'express';\nconst app = express();", ["import { createEndpoint, healthMiddleware } from 'nx-health/endpoint';\n", "const endpoint = createEndpoint({ name: 'api' });\n", '\napp.use(healthMiddleware(endpoint));']);
  });

  it('with other things on the line of the server, or of the import', () => {
    const make = "const endpoint = createEndpoint({ name: 'api' });\n";
    added("import { NestFactory } from '@nestjs/core';\nasync function bootstrap() { const app = await NestFactory.create(M); await app.listen(3000); }\nbootstrap();\n", ["import { createEndpoint, healthMiddleware } from 'nx-health/endpoint';\n", make, ' app.use(healthMiddleware(endpoint));']);
    added("const express = require('express')\nfunction start() { const app = express() }\n", ["const { createEndpoint, healthMiddleware } = require('nx-health/endpoint')\n", "const endpoint = createEndpoint({ name: 'api' })\n", '; app.use(healthMiddleware(endpoint));']);
    added("const express = require('express'); const app = express(); /* one */ app.get('/', (q, r) => {\n  r.end();\n});\n", [" const { createEndpoint, healthMiddleware } = require('nx-health/endpoint');", make, ' app.use(healthMiddleware(endpoint));']);
    added("import express from 'express';/* of:\n*/\nconst app = express();/* two\nlines */\n", [" import { createEndpoint, healthMiddleware } from 'nx-health/endpoint';", make, ' app.use(healthMiddleware(endpoint));']);
    added("import express from 'express';\nconst app = express(); /* a */ /* b */ // c */\n", ["import { createEndpoint, healthMiddleware } from 'nx-health/endpoint';\n", make, 'app.use(healthMiddleware(endpoint));\n']);
  });

  it('that requires more below its server', () => {
    added("const express = require('express');\nconst app = express();\nconst server = require('http').createServer(app);\nconst routes = require('./routes');\n", ["const { createEndpoint, healthMiddleware } = require('nx-health/endpoint');\n", "const endpoint = createEndpoint({ name: 'api' });\n", 'app.use(healthMiddleware(endpoint));\n']);
    added("import express from 'express';\nconst app = express();\nimport routes from './routes';\n", ["import { createEndpoint, healthMiddleware } from 'nx-health/endpoint';\n", "const endpoint = createEndpoint({ name: 'api' });\n", 'app.use(healthMiddleware(endpoint));\n']);
  });

  it('that has the name endpoint already', () => {
    added("import express from 'express';\nconst endpoint = 1, healthEndpoint = 2;\nconst app = express();\n", ["import { createEndpoint, healthMiddleware } from 'nx-health/endpoint';\n", "const healthEndpoint2 = createEndpoint({ name: 'api' });\n", 'app.use(healthMiddleware(healthEndpoint2));\n']);
  });

  it('is left when it has one', () => {
    expect(addEndpoint("import { createEndpoint } from 'nx-health/endpoint';\nimport express from 'express';\nconst app = express();\n", 'main.ts', 'api', ts)).toEqual({ state: 'there' });
    const first = addEndpoint("import express from 'express';\nconst app = express();\n", 'main.ts', 'api', ts);
    expect(first.state === 'added' && addEndpoint(first.text, 'main.ts', 'api', ts)).toEqual({ state: 'there' });
  });

  it.each([
    ['', /^makes no server of Express/], ["import express from 'express';\nconst router = express.Router();\n", /^makes no server/], ["import express from './express';\nexpress();\n", /^makes no server/], ["import express from 'express';\nstart(express());\n", /^does not give the express application a name/],
    ["import express from 'express';\nconst a = express();\nconst b = express();\n", /^makes 2 servers/], ["import { createServer } from 'http';\ncreateServer((a, b) => b.end());\n", /^answers requests by an expression/], ["import { createServer } from 'http';\ncreateServer(({ url }, b) => { b.end(url); });\n", /does not name both/],
    ["import { createServer } from 'http';\ncreateServer(handlerOf(x));\n", /^gives its server no function/], ["import { createServer } from 'http';\ncreateServer();\n", /^gives its server no function/], ["import { healthMiddleware } from './mine';\nimport express from 'express';\nconst app = express();\n", /^uses the name healthMiddleware/],
    ["import { createEndpoint } from './mine';\nimport express from 'express';\nconst app = express();\n", /^uses the name createEndpoint/], ["import { createEndpoint } from './mine';\nimport { createServer } from 'http';\ncreateServer((a, b) => { b.end(); });\n", /^uses the name createEndpoint/],
    ["const express = require('express'), app = express();\nconst x = require('./x');\n", /^has no import or require in a statement of its own before/], ["function start() { const app = express(); }\nconst express = require('express');\n", /^has no import or require/], ['const x = (;', /^cannot be parsed/],
  ])('%j: says why it is not changed', (text, reason) => { expect(why(text)).toMatch(reason); });

  it('takes a name for what it is', () => {
    const adding = addEndpoint("import express from 'express';\nconst app = express();\n", 'main.ts', "a'b\\", ts);
    expect(adding.state === 'added' && adding.text).toContain("createEndpoint({ name: 'ab' })");
  });
});
