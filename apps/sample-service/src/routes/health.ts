import manifest from '../../package.json';
import { sendJson, type Handler } from './route.js';

/** How the process is: 200 as long as it can serve, draining included, because requests in flight still finish. */
export const health: Handler = ({ response, traffic }) => {
  sendJson(response, 200, { status: traffic.draining ? 'draining' : 'ok', version: manifest.version, uptime: process.uptime() });
};

/** Whether to send new requests here. */
export const ready: Handler = ({ response, traffic }) => {
  if (traffic.draining) sendJson(response, 503, { status: 'draining' });
  else sendJson(response, 200, { status: 'ready' });
};

/** Whether to start the process anew; depends on nothing but the process itself. */
export const live: Handler = ({ response }) => {
  sendJson(response, 200, { status: 'live' });
};
