/** The load client as a process of its own, so that neither its measurements nor the measured are disturbed by a test. Started by launch.ts. */
import { Load } from './load.js';
import type { LoadOptions, LoadReport } from './report.js';

export type ToLoad = { readonly type: 'start'; readonly options: LoadOptions } | { readonly type: 'stop' };
export type FromLoad = { readonly type: 'started' } | { readonly type: 'report'; readonly report: LoadReport } | { readonly type: 'refused'; readonly message: string };

function tell(message: FromLoad): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

function main(): void {
  let load: Load | undefined;
  const start = (options: LoadOptions): void => {
    try {
      load = new Load(options);
      void tell({ type: 'started' });
    } catch (error) {
      void tell({ type: 'refused', message: error instanceof Error ? error.message : String(error) }).then(() => process.exit(1));
    }
  };
  process.on('message', (message: ToLoad) => {
    if (message.type === 'start') start(message.options);
    else void load?.stop().then((report) => tell({ type: 'report', report })).then(() => process.exit(0));
  });
  // Whoever asked for the load is gone, and with it the reason for it.
  process.on('disconnect', () => process.exit(1));
}

main();
