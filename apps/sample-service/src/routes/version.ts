import manifest from '../../package.json';
import { sendJson, type Handler } from './route.js';

export const version: Handler = ({ response, settings }) => {
  const { release, instance, environment, service } = settings.identity;
  sendJson(response, 200, { version: manifest.version, service, release, instance, environment, pid: process.pid });
};
