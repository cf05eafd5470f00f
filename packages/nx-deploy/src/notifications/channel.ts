/** Where notices go. Every kind of channel is one of these. */
import type { Ms } from '../model/index.js';
import type { Level, Notice, NoticeKind } from './notice.js';
import type { Templates } from './template.js';

/** As a run has it: with the values of the variables that deploy.json names. It stands in no record. */
export interface PreparedChannel {
  readonly name: string;
  readonly target: ChannelTarget;
  readonly on: readonly NoticeKind[];
  /** It is told what has at least this level. */
  readonly level: Level;
  readonly templates: Templates;
  /** Of one notice, all tries together. */
  readonly timeout: Ms;
  /** Why it cannot be used: a variable that is not set, say. */
  readonly unusable?: string;
}

export type ChannelTarget =
  | { readonly type: 'slack'; readonly url: string }
  | { readonly type: 'webhook'; readonly url: string; readonly secret?: string }
  | EmailTarget
  | { readonly type: 'command'; readonly run: readonly string[]; readonly env: Readonly<Record<string, string>>; readonly cwd: string };

export interface EmailTarget {
  readonly type: 'email';
  readonly host: string;
  readonly port: number;
  /** tls: from the first byte. starttls: before anything else is said, or not at all. none: never. */
  readonly security: 'tls' | 'starttls' | 'none';
  readonly user?: string;
  readonly password?: string;
  readonly from: string;
  readonly to: readonly string[];
  /** Absolute path of the module nodemailer. */
  readonly module: string;
}

export interface Channel {
  /** Rejects when it is not taken, with a message that holds no secret of the target's; ends soon after `signal` says so. */
  send(notice: Notice, text: string, signal: AbortSignal): Promise<void>;
}
