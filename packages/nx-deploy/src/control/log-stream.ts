/** The agent's answer to `logs`: a line of JSON for each line that an instance wrote. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { logSources, readLogs } from '../agent/log-reader.js';
import { DeployError } from '../errors.js';
import type { LocalService } from '../platforms/local/service.js';
import { neverDeployed } from './platform-calls.js';
import type { LogsRequest } from './protocol.js';
import type { Registry } from './registry.js';

/** Throws ND-RELEASE-UNKNOWN or ND-OPTION-INVALID, before anything is sent, when no log is of the release or the instance that is asked for. */
export async function logStream(registry: Registry, body: LogsRequest, response: ServerResponse): Promise<void> {
  const service = await registry.find(body);
  if (service === undefined) throw neverDeployed(body);
  const { release, instance, since, follow } = body;
  await assertKnown(service, release, instance);
  const gone = new AbortController();
  response.on('close', () => gone.abort());
  if (response.closed) return;
  response.writeHead(200, { 'content-type': 'application/x-ndjson' }).flushHeaders();
  const options = { follow, signal: gone.signal, ...(instance === undefined ? {} : { instance }), ...(since === undefined ? {} : { since }) };
  for await (const line of readLogs(service.supervisor.logFolder, release, options)) {
    if (gone.signal.aborted) break;
    if (!response.write(`${JSON.stringify(line)}\n`)) await once(response, 'drain', { signal: gone.signal }).catch(() => undefined);
  }
  response.end();
}

/** Known is what runs, and what has a log. */
async function assertKnown({ supervisor }: LocalService, release: string | undefined, instance: string | undefined): Promise<void> {
  if (release === undefined && instance === undefined) return;
  const running = supervisor.all().map(({ record }) => ({ release: record.release, instance: record.id }));
  const known = [...running, ...await logSources(supervisor.logFolder)];
  const ofRelease = known.filter((log) => release === undefined || log.release === release);
  if (release !== undefined && ofRelease.length === 0) {
    throw new DeployError('ND-RELEASE-UNKNOWN', { what: `there are no logs of the release ${release}`, next: `releases with logs: ${list(known.map((log) => log.release))}` });
  }
  if (instance === undefined || ofRelease.some((log) => log.instance === instance)) return;
  const where = release === undefined ? '' : ` of the release ${release}`;
  throw new DeployError('ND-OPTION-INVALID', { what: `there are no logs of an instance ${instance}${where}`, next: `instances with logs${where}: ${list(ofRelease.map((log) => log.instance))}` });
}

const byNumber = new Intl.Collator('en', { numeric: true });

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : [...new Set(names)].sort((a, b) => byNumber.compare(a, b)).join(', ');
}
