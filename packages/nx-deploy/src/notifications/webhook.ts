import { createHmac } from 'node:crypto';
import type { Channel, ChannelTarget } from './channel.js';
import { post } from './http.js';

/**
 * The notice as JSON, with its text. With a secret it is signed: `x-nx-deploy-signature` is `sha256=` and the HMAC-SHA256 (hexadecimal) under the secret of
 * `x-nx-deploy-timestamp` (seconds since 1970), a dot and the body as it arrives.
 */
export function webhookChannel({ url, secret }: Extract<ChannelTarget, { type: 'webhook' }>): Channel {
  return {
    send(notice, text, signal) {
      const body = JSON.stringify({ ...notice, text });
      const timestamp = String(Math.floor(Date.now() / 1_000));
      return post({
        url, body, headers: {
          'x-nx-deploy-event': notice.kind, 'x-nx-deploy-delivery': notice.id, 'x-nx-deploy-timestamp': timestamp,
          ...(secret === undefined ? {} : { 'x-nx-deploy-signature': signature(secret, timestamp, body) }),
        },
      }, signal);
    },
  };
}

export function signature(secret: string, timestamp: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;
}
