/** Who is told of a deploy, with the defaults. */
import { parseDuration } from '../model/index.js';
import type { Complain } from './artifact-path.js';
import type { Path } from './document.js';
import { DEFAULT_ON, DEFAULT_SECURITY, DEFAULT_SEND_TIMEOUT, type NotificationsConfig } from './notify-schema.js';
import type { NotificationOption } from './notification-option.js';

type Config = NotificationsConfig[string];

const PORTS = { starttls: 587, tls: 465, none: 25 } as const;

/** The nearest of the same name wins as a whole. `at` gives the place of a channel. */
export function notificationsOf(given: NotificationsConfig, at: (name: string) => Path, complain: Complain): readonly NotificationOption[] {
  return Object.entries(given).map(([name, channel]) => {
    check(channel, at(name), complain);
    const templates = Object.fromEntries(Object.entries(channel.templates ?? {}).flatMap(([kind, text]) => (text === undefined ? [] : [[kind, text]])));
    return { name, target: targetOf(channel), on: channel.on ?? DEFAULT_ON, level: levelOf(channel.level), templates, timeout: parseDuration(channel.timeout ?? DEFAULT_SEND_TIMEOUT) ?? 0 };
  });
}

function check(channel: Config, at: Path, complain: Complain): void {
  if (channel.type !== 'email') return;
  if ((channel.user === undefined) !== (channel.password === undefined)) complain(at, 'must have both "user" and "password", or neither');
  if (channel.password !== undefined && channel.security === 'none') complain([...at, 'security'], 'must not be "none" with a password, which everybody on the way could read');
}

function levelOf(given = 1): NotificationOption['level'] {
  return given === 4 ? 4 : given === 3 ? 3 : given === 2 ? 2 : 1;
}

function targetOf(channel: Config): NotificationOption['target'] {
  switch (channel.type) {
    case 'slack': return { type: 'slack', webhook: channel.webhook };
    case 'webhook': return { type: 'webhook', url: channel.url, ...(channel.secret === undefined ? {} : { secret: channel.secret }) };
    case 'command': return { type: 'command', run: channel.run, env: channel.env ?? [] };
    case 'email': {
      const { host, security = DEFAULT_SECURITY, port = PORTS[security], user, password, from, to } = channel;
      return { type: 'email', host, port, security, from, to, ...(user === undefined ? {} : { user }), ...(password === undefined ? {} : { password }) };
    }
  }
}
