import { createHash } from 'node:crypto';
import { sendJson, type Handler } from './route.js';

/** SHA-256 of a body of any size, read as a stream: never more than a chunk of it in memory. */
export const digest: Handler = async ({ request, response }) => {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  sendJson(response, 200, { bytes, sha256: hash.digest('hex') });
};
