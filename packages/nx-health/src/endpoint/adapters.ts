/** For frameworks. Their types are described and not imported: the library needs none of them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Endpoint } from './endpoint.js';

/** Express, Connect, Polka, and Nest on Express: `app.use(healthMiddleware(endpoint))`, before everything that asks who somebody is. */
export function healthMiddleware(endpoint: Endpoint): (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void {
  return (request, response, next) => {
    if (!endpoint.handle(request, response)) next();
  };
}

/** What is used of a Fastify instance, https://fastify.dev/docs/latest/Reference/Hooks/ */
export interface FastifyLike {
  addHook(name: 'onRequest', hook: (request: { readonly raw: IncomingMessage }, reply: { readonly raw: ServerResponse; hijack(): unknown }, done: () => void) => void): unknown;
}

/** Fastify, and Nest on Fastify: `healthHook(endpoint, app)` before other hooks. */
export function healthHook(endpoint: Endpoint, fastify: FastifyLike): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (!endpoint.handle(request.raw, reply.raw)) {
      done();
      return;
    }
    // The answer is on its way: Fastify must not send one of its own.
    reply.hijack();
  });
}
