/** Sends notices to channels, beside whatever else goes on: no channel can fail or hold up a change. */
import { isNativeError } from 'node:util/types';
import type { Ms } from '../model/index.js';
import { redactor } from '../shell/redactor.js';
import type { Channel, ChannelTarget, PreparedChannel } from './channel.js';
import { commandChannel } from './command.js';
import { emailChannel } from './email.js';
import type { Notice } from './notice.js';
import { slackChannel } from './slack.js';
import { textOf } from './template.js';
import { webhookChannel } from './webhook.js';

/** A channel that ignores its signal is left alone after so much more of its time. */
const GRACE: Ms = 500;

type Open = (target: ChannelTarget, timeout: Ms) => Channel;

export class Notifier {
  private readonly lines: readonly Line[];

  /** `note` is called with what went wrong, at any time. */
  constructor(channels: readonly PreparedChannel[], note: (text: string) => void, open: Open = channelOf) {
    this.lines = channels.map((channel) => new Line(channel, note, open));
  }

  /** Returns at once. */
  tell(notice: Notice): void {
    for (const line of this.lines) line.tell(notice);
  }

  /** Resolves when all is sent or has failed, with none; or after `limit` ms, with the names of the channels that are still at it. */
  async settled(limit: Ms): Promise<readonly string[]> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => { timer = setTimeout(() => resolve('late'), limit); });
    const all = Promise.all(this.lines.map(({ done }) => done)).then(() => 'done' as const);
    const how = await Promise.race([all, late]);
    clearTimeout(timer);
    return how === 'done' ? [] : this.lines.filter(({ busy }) => busy).map(({ name }) => name);
  }
}

/** One channel: one notice after the other, each once. */
class Line {
  done: Promise<void> = Promise.resolve();
  private readonly told = new Set<string>();
  private waiting = 0;

  constructor(private readonly channel: PreparedChannel, private readonly note: (text: string) => void, private readonly open: Open) {}

  get name(): string {
    return this.channel.name;
  }

  get busy(): boolean {
    return this.waiting > 0;
  }

  tell(notice: Notice): void {
    const { on, level, unusable } = this.channel;
    if (!on.includes(notice.kind) || notice.level < level || this.told.has(notice.id)) return;
    this.told.add(notice.id);
    if (unusable !== undefined) {
      this.fail(notice, unusable);
      return;
    }
    this.waiting += 1;
    this.done = this.done.then(() => this.send(notice)).finally(() => { this.waiting -= 1; });
  }

  private async send(notice: Notice): Promise<void> {
    const { target, templates, timeout } = this.channel;
    const over = new AbortController();
    let timers: readonly NodeJS.Timeout[] = [];
    const late = new Promise<never>((_resolve, reject) => {
      timers = [setTimeout(() => over.abort(), timeout), setTimeout(() => reject(new Error('no answer in time')), timeout + GRACE)];
    });
    try {
      await Promise.race([Promise.resolve().then(() => this.open(target, timeout).send(notice, textOf(notice, templates), over.signal)), late]);
    } catch (thrown) {
      this.fail(notice, over.signal.aborted ? `no answer within ${timeout}ms` : isNativeError(thrown) ? thrown.message : 'it failed');
    } finally {
      for (const timer of timers) clearTimeout(timer);
    }
  }

  private fail({ kind }: Notice, why: string): void {
    const line = redactor(secretsOf(this.channel.target)).replace(why).replace(/[^\x20-\x7e]+/g, ' ').slice(0, 300);
    this.note(`the notification ${this.name} of ${kind} was not taken: ${line}`);
  }
}

function secretsOf(target: ChannelTarget): Readonly<Record<string, string>> {
  switch (target.type) {
    case 'slack': return { url: target.url };
    case 'webhook': return { url: target.url, ...(target.secret === undefined ? {} : { secret: target.secret }) };
    case 'email': return target.password === undefined ? {} : { password: target.password };
    case 'command': return target.env;
  }
}

function channelOf(target: ChannelTarget, timeout: Ms): Channel {
  switch (target.type) {
    case 'slack': return slackChannel(target);
    case 'webhook': return webhookChannel(target);
    case 'email': return emailChannel(target, timeout);
    case 'command': return commandChannel(target);
  }
}
