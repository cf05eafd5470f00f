import type { ResolvedEnvironment } from '../config/index.js';
import type { WatchOrder } from '../engine/request.js';
import { hooksOf } from './change.js';
import type { CommandContext } from './context.js';
import { durationOption } from './duration-option.js';

/** How the release is looked after when it is deployed. A time on the command line makes the command stay until the watch is over. */
export function watchOrder(context: CommandContext, resolved: ResolvedEnvironment, given: string | number | undefined): WatchOrder {
  const { time, terms } = resolved.watch;
  return {
    ms: given === undefined ? time : durationOption('watch', given, '2m'), terms,
    attached: given !== undefined,
    rollbackHooks: hooksOf(context, resolved, 'Rollback'),
  };
}
