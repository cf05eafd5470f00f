import { baseEnvironment } from '../shell/environment.js';
import { run } from '../shell/run.js';
import type { Channel, ChannelTarget } from './channel.js';

/** Gets the notice as JSON by its standard input, and the text as NX_DEPLOY_TEXT. Its time is bounded by the signal. */
export function commandChannel({ run: argv, env, cwd }: Extract<ChannelTarget, { type: 'command' }>): Channel {
  return {
    async send(notice, text, signal) {
      const result = await run(argv, {
        cwd, signal, timeout: LONGEST, env: { ...baseEnvironment(process.env), ...env, NX_DEPLOY_EVENT: notice.kind, NX_DEPLOY_TEXT: text },
        input: (write) => write(Buffer.from(`${JSON.stringify({ ...notice, text })}\n`)),
      });
      if (result.exitCode === 0) return;
      if (result.cancelled) throw new Error('it did not end in time');
      throw new Error(result.startError !== undefined ? 'it could not be started' : result.signal === undefined ? `exit code ${result.exitCode ?? 'none'}` : `ended by ${result.signal}`);
    },
  };
}

/** The notifier ends it before. */
const LONGEST = 600_000;
