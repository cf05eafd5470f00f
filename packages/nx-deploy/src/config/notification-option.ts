import type { Ms } from '../model/index.js';
import type { EmailTarget, Level, NoticeKind, Templates } from '../notifications/index.js';

/** Who is told of a change. Secrets are names of variables of the command's own environment. */
export interface NotificationOption {
  readonly name: string;
  readonly target:
    | { readonly type: 'slack'; readonly webhook: string }
    | { readonly type: 'webhook'; readonly url: string; readonly secret?: string }
    | Omit<EmailTarget, 'module'>
    | { readonly type: 'command'; readonly run: readonly string[]; readonly env: readonly string[] };
  readonly on: readonly NoticeKind[];
  readonly level: Level;
  readonly templates: Templates;
  readonly timeout: Ms;
}
