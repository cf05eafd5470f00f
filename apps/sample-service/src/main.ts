import { destination, pino, type Logger } from 'pino';
import { createService } from './server.js';
import { readSettings, SettingsError, type Settings } from './settings.js';
import { shutDown } from './shutdown.js';

/** Synchronous, so that the lines before an exit arrive, and in order. */
const stdout = destination({ dest: 1, sync: true });

function settingsOrExit(): Settings {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    pino(stdout).fatal({ problems: error.problems }, 'invalid environment');
    return process.exit(1);
  }
}

function crash(log: Logger): void {
  log.fatal('a fault that was switched on: crash');
  process.exit(70);
}

async function main(): Promise<void> {
  const settings = settingsOrExit();
  const log = pino({ level: settings.logLevel, base: { ...settings.identity, pid: process.pid } }, stdout);
  const service = createService(settings, log);
  const stop = (signal: NodeJS.Signals): void => {
    if (service.traffic.draining) return;
    log.info({ signal, inFlight: service.traffic.inFlight }, 'shutting down');
    void shutDown(service, { timeout: settings.shutdownTimeout }).then(({ cut }) => {
      log.info({ cut }, 'stopped');
      process.exit(0);
    });
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  try {
    const { address, port } = await service.listen();
    log.info({ address, port }, 'listening');
    if (settings.faults.crashAfter > 0) setTimeout(() => crash(log), settings.faults.crashAfter).unref();
  } catch (error) {
    log.fatal({ err: error }, 'cannot listen');
    process.exit(1);
  }
}

void main();
