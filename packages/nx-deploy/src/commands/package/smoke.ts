/** Starts the service from its package, as it was taken apart, and asks for its health. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { checkHttp, waitUntilHealthy } from 'nx-health';
import { freePort } from '../../agent/ports.js';
import type { PackageArtifact } from '../../config/index.js';
import { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import { TEMPLATE } from '../../package/layout.js';
import { placeLinks, type OpenPackage } from '../../package/open.js';
import { renderTemplates } from '../../package/templates.js';
import { pick } from '../../shell/environment.js';
import { listenerOf } from '../../shell/process-table.js';
import { killGroup, run, type RunResult } from '../../shell/run.js';
import { ascii } from '../../terminal/sanitize.js';
import type { CommandContext } from '../context.js';

const INTERVAL: Ms = 50;
const LINES_KEPT = 20;
const STOP: Ms = 5_000;

/** How long it took to become healthy. @throws DeployError ND-PACKAGE-SMOKE, ND-PACKAGE-TEMPLATE */
export async function smokePackage(context: CommandContext, opened: OpenPackage, smoke: NonNullable<PackageArtifact['smoke']>, defaults: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Ms> {
  const values = { ...defaults, ...smoke.env };
  await placeLinks(opened);
  await fillIn(opened, values);
  const port = await freePort(new Set());
  const lines: string[] = [];
  const stop = new AbortController();
  let pid: number | undefined;
  const env = { NODE_ENV: 'production', ...values, ...pick(context.variables, ['PATH', 'TZ', 'LANG']), HOST: '127.0.0.1', PORT: String(port), NX_DEPLOY_SERVICE: opened.info.service };
  const ended = run(argvOf(opened), {
    cwd: join(opened.folder, opened.info.workingDirectory), env, timeout: smoke.timeout + STOP, signal: AbortSignal.any([signal, stop.signal]),
    onStart: (started) => { pid = started; return Promise.resolve(); },
    onLine: (line) => { lines.push(ascii(line)); if (lines.length > LINES_KEPT) lines.shift(); },
  });
  const gone = new AbortController();
  const over = ended.then((result) => { gone.abort(); return result; });
  try {
    const { outcome, ms, reason } = await waitUntilHealthy({
      check: async (checking) => {
        const result = await checkHttp({ url: `http://127.0.0.1:${port}${smoke.path}`, timeoutMs: smoke.timeout, signal: checking });
        const owner = pid === undefined ? 'nobody' : await listenerOf(port, pid);
        return owner === 'other' ? { ...result, status: 'unhealthy', reason: `another process listens on port ${port}` } : result;
      },
      intervalMs: INTERVAL, timeoutMs: smoke.timeout, passes: 1, signal: AbortSignal.any([signal, gone.signal]),
    });
    signal.throwIfAborted();
    if (outcome === 'healthy') return ms;
    throw failure(opened, smoke, gone.signal.aborted ? await over : undefined, reason, lines);
  } finally {
    stop.abort();
    await over;
    killGroup(pid);
  }
}

/** The Node that makes the package stands for the one of the target. */
function argvOf({ info: { command } }: OpenPackage): readonly string[] {
  return command[0] === 'node' ? [process.execPath, ...command.slice(1)] : command;
}

async function fillIn({ folder, info }: OpenPackage, values: Readonly<Record<string, string>>): Promise<void> {
  const templates = await Promise.all(info.templates.map(async ({ path }) => ({ path, text: await readFile(join(folder, path), 'utf8') })));
  const texts = renderTemplates(templates, { values, secrets: info.secrets }, 'artifact.smoke.env');
  for (const [index, { path }] of templates.entries()) {
    await writeFile(join(folder, path.slice(0, -TEMPLATE.length)), texts[index] ?? '', { flag: 'wx' });
    await rm(join(folder, path));
  }
}

function failure({ info }: OpenPackage, { path, timeout }: NonNullable<PackageArtifact['smoke']>, ended: RunResult | undefined, reason: string | undefined, lines: readonly string[]): DeployError {
  const why = ended === undefined ? `GET ${path} did not pass within ${timeout / 1_000} s: ${reason ?? 'no answer'}`
    : ended.startError ?? `it ended by itself with ${ended.signal ?? `exit code ${ended.exitCode ?? 'unknown'}`} before GET ${path} passed`;
  return new DeployError('ND-PACKAGE-SMOKE', {
    what: `the service of the package does not become healthy: ${info.command.map(ascii).join(' ')}`, where: ascii(`${info.workingDirectory} in the package`), why,
    problems: lines.filter((line) => line.trim() !== '').map((line) => `it printed: ${line}`),
    next: 'make what it needs part of the package ("dependencies", "assets"), give it the variables that it needs by "artifact.smoke.env" in deploy.json, or set "artifact.smoke" to false where it cannot run by itself',
  });
}
