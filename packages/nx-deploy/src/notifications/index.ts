export type { ChannelTarget, EmailTarget, PreparedChannel } from './channel.js';
export { escalationOf, type Ended } from './escalation.js';
export { Notifier } from './notifier.js';
export { NOTICE_KINDS, noticeId, type Level, type Notice, type NoticeKind } from './notice.js';
export { PLACEHOLDERS, unknownPlaceholders, type Templates } from './template.js';
