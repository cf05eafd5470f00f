import { wholeOf, type Handler } from './route.js';

/** Server-sent events (HTML Living Standard, section 9.2): `count` ticks with ids from 1, `interval` ms apart, then `event: end`. */
export const events: Handler = ({ request, response, query, settings }) => {
  const count = wholeOf(query, 'count', 10, 1, 10_000);
  const interval = wholeOf(query, 'interval', 200, 1, 10_000);
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', 'x-accel-buffering': 'no' });
  if (request.method === 'HEAD') {
    response.end();
    return;
  }
  response.flushHeaders();
  let id = 0;
  const timer = setInterval(() => {
    id += 1;
    const data = JSON.stringify({ tick: id, of: count, release: settings.identity.release });
    response.write(`id: ${id}\nevent: tick\ndata: ${data}\n\n`);
    if (id < count) return;
    clearInterval(timer);
    response.end(`event: end\ndata: ${JSON.stringify({ ticks: count })}\n\n`);
  }, interval);
  response.once('close', () => clearInterval(timer));
};
