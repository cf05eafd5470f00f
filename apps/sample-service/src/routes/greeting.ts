import { sendJson, type Handler } from './route.js';

export const greeting: Handler = ({ response, settings }) => {
  sendJson(response, 200, { greeting: settings.greeting });
};
