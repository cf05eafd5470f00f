/**
 * `engine-main.js <folder>`: one engine for many test processes. Writes the address (for DOCKER_HOST) to `<folder>/host`, and keeps the engine until it is asked to end;
 * where there is one already, it ends at once. Exits with 1 when none can be had.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findEngine, lackOfEngine, startEngine } from './engine.js';

async function main(folder: string): Promise<void> {
  const asked = new Promise<void>((resolve) => { for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => resolve()); });
  const tell = (host: string): void => {
    // Whoever waits for the file finds it whole.
    writeFileSync(join(folder, 'host.tmp'), host);
    renameSync(join(folder, 'host.tmp'), join(folder, 'host'));
  };
  const found = await findEngine();
  if (found !== undefined) {
    tell(found.host);
    return;
  }
  const lack = lackOfEngine();
  if (lack !== undefined) throw new Error(lack);
  const engine = await startEngine(join(folder, 'engine'));
  const alive = setInterval(() => undefined, 60_000);
  tell(engine.host);
  await asked;
  clearInterval(alive);
  await engine.stop();
}

main(process.argv[2] ?? '').catch((error: unknown) => {
  process.stderr.write(`no Docker engine for the tests: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
