import type { Channel, ChannelTarget } from './channel.js';
import { post } from './http.js';

/** An incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat): `{ "text": ... }` with `&`, `<` and `>` escaped, so that nobody is mentioned by a reason. */
export function slackChannel({ url }: Extract<ChannelTarget, { type: 'slack' }>): Channel {
  return {
    send: (_notice, text, signal) => post({ url, body: JSON.stringify({ text: text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;') }) }, signal),
  };
}
