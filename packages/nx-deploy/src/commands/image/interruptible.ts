/** Work that Ctrl-C, SIGTERM and SIGHUP end. */
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { Output } from '../output.js';

/** Nx ends an executor 5 s after a signal. */
const GRACE: Ms = 4_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Rejects with ND-CANCELLED once `work` has left off, or after 4 s without it: what it holds is then freed by the end of the process. */
export async function interruptible<T>(output: Output, work: (signal: AbortSignal) => Promise<T>, stays = 'the image and what is in registries stay as they are'): Promise<T> {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let leave: (error: DeployError) => void = () => undefined;
  const left = new Promise<never>((_resolve, reject) => { leave = reject; });
  left.catch(() => undefined);
  const onSignal = (name: NodeJS.Signals): void => {
    if (stop.signal.aborted) return;
    stop.abort(cancelled(name));
    output.line(`${name}: stopping; ${stays}`);
    timer = setTimeout(() => leave(cancelled(name)), GRACE);
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  const working = work(stop.signal);
  working.catch(() => undefined);
  try {
    return await Promise.race([working, left]);
  } catch (error) {
    // Whatever it failed with, it was told to end.
    throw stop.signal.aborted ? stop.signal.reason : error;
  } finally {
    clearTimeout(timer);
    for (const name of SIGNALS) process.removeListener(name, onSignal);
  }
}

function cancelled(name: string): DeployError {
  return new DeployError('ND-CANCELLED', { what: `the command was ended by ${name}`, next: 'run it again; what was stored or uploaded completely is not done twice' });
}
