import type { RunMessage } from '../../control/protocol.js';
import type { DeployEvent, Emit } from '../../model/index.js';

type Message<Result> = Extract<RunMessage, { type: 'event' }> | { readonly type: 'result'; readonly at: string; readonly result: Result };

/** The events of work in this process, then its result: as they come from an agent or a walker. */
export async function* told<Result>(work: (emit: Emit) => Promise<Result>): AsyncGenerator<Message<Result>> {
  const events: DeployEvent[] = [];
  let wake: () => void = () => undefined;
  const end: { result?: Promise<Result>; over: boolean } = { over: false };
  end.result = work((event) => {
    events.push(event);
    wake();
  }).finally(() => {
    end.over = true;
    wake();
  });
  end.result.catch(() => undefined);
  for (;;) {
    for (let event = events.shift(); event !== undefined; event = events.shift()) yield { type: 'event', at: new Date().toISOString(), event };
    if (end.over) break;
    await new Promise<void>((resolve) => {
      wake = resolve;
      // It may have come while the last one was being told.
      if (events.length > 0 || end.over) resolve();
    });
  }
  yield { type: 'result', at: new Date().toISOString(), result: await end.result };
}
