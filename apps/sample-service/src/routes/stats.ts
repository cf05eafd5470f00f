import { createHash, timingSafeEqual } from 'node:crypto';
import { sendJson, type Handler } from './route.js';

const hashed = (text: string): Buffer => createHash('sha256').update(text).digest();

/** What this process has done so far; for holders of API_TOKEN only. */
export const stats: Handler = ({ request, response, settings, traffic }) => {
  if (settings.apiToken === undefined) {
    sendJson(response, 404, { error: 'not found' });
    return;
  }
  // Digests have one length whatever was sent, which timingSafeEqual requires.
  if (!timingSafeEqual(hashed(request.headers.authorization ?? ''), hashed(`Bearer ${settings.apiToken}`))) {
    response.setHeader('www-authenticate', 'Bearer');
    sendJson(response, 401, { error: 'a valid token is required' });
    return;
  }
  const { rss, heapUsed } = process.memoryUsage();
  sendJson(response, 200, { served: traffic.served, inFlight: traffic.inFlight, memory: { rss, heapUsed } });
};
