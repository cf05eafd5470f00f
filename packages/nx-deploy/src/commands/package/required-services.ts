/** Is there what a package needs beside itself? Asked of the target's own records, and of whatever answers at an address. */
import { fillIn } from 'nx-env-sync';
import { checkHttp, checkTcp, waitUntilHealthy } from 'nx-health';
import { suggest } from '../../config/suggest.js';
import { connectAgent } from '../../control/launch.js';
import type { AgentClient } from '../../control/client.js';
import type { ServiceStatus } from '../../control/protocol.js';
import type { ResolvedEnvironment } from '../../config/index.js';
import { DeployError } from '../../errors.js';
import { WEB, type Ms } from '../../model/index.js';
import { parseAddress, type Address } from '../../package/compatibility/address.js';
import { satisfies } from '../../package/compatibility/versions.js';
import type { VersionCompatibility } from '../../package/documents.js';
import type { ConfigValues } from '../../releases/index.js';
import { ascii } from '../../terminal/sanitize.js';
import { serviceTarget, type CommandContext } from '../context.js';

type Required = VersionCompatibility['services'][number];

/** `found`: one line for each that is there. `problems`: one for each that is not, or not in a version that will do. */
export interface Answers {
  readonly found: readonly string[];
  readonly problems: readonly string[];
}

/** How long what does not answer at once is asked again: it may just be starting. */
const PATIENCE: Ms = 3_000;
const AGAIN: Ms = 200;

/** The values of the environment say where what is none of the workspace is; those that are secret are in no line. */
export async function askServices(context: CommandContext, resolved: Pick<ResolvedEnvironment, 'environment' | 'service'>, services: readonly Required[], config: ConfigValues, patience = PATIENCE): Promise<Answers> {
  const own = services.some(({ at }) => at === undefined) ? await connectAgent(context.home) : undefined;
  const answers = await Promise.all(services.map(async (required): Promise<{ readonly found: string } | { readonly problem: string }> => {
    const asked = await (required.at === undefined && own !== undefined ? askTarget(context, own, resolved.environment, required) : askAddress(required, resolved.environment, config, patience));
    const name = ascii(required.name);
    return 'found' in asked ? { found: `${name} (${asked.found})` } : { problem: `${name}: ${asked.problem}` };
  }));
  return { found: answers.flatMap((one) => ('found' in one ? [one.found] : [])), problems: answers.flatMap((one) => ('problem' in one ? [one.problem] : [])) };
}

type Answer = { readonly found: string } | { readonly problem: string };

/** One of the workspace has to have traffic in the same environment, be ready, and have a version that will do with all that gets traffic. */
async function askTarget(context: CommandContext, agent: AgentClient, environment: string, { name, version }: Required): Promise<Answer> {
  let status: ServiceStatus;
  const target = await serviceTarget(context, { service: name, environment });
  try {
    status = await agent.call('status', target);
  } catch (thrown) {
    if (thrown instanceof DeployError) return { problem: `${environment} cannot tell what runs of it: ${thrown.parts.what}` };
    throw thrown;
  }
  return answerOf(status, version) ?? { problem: await unknown(agent, target.key, name) };
}

/** Undefined: it was never there. */
export function answerOf({ fleet, releases, environment }: Pick<ServiceStatus, 'fleet' | 'releases' | 'environment'>, version: string | undefined): Answer | undefined {
  const serving = Object.entries(fleet).filter(([, { weight }]) => weight > 0);
  if (serving.length === 0) return releases.length === 0 ? undefined : { problem: `none of its releases has traffic in ${environment}; deploy it there first` };
  if (serving.every(([, { processes }]) => (processes[WEB]?.ready ?? 0) === 0)) return { problem: `no instance of it is ready in ${environment}; see why with its logs` };
  const versions = serving.map(([id]) => releases.find((release) => release.id === id && release.version !== undefined)?.version);
  const told = versions.map((one) => (one === undefined ? 'a version that is not known' : ascii(one))).join(' and ');
  if (version === undefined) return { found: `${told} runs in ${environment}` };
  if (versions.every((one) => one !== undefined && satisfies(one, version) === true)) return { found: `${ascii(version)}; ${told} runs in ${environment}` };
  return { problem: `${ascii(version)} is needed, and ${told} runs in ${environment}; deploy a version of it that will do first` };
}

/** Nothing of this name was ever deployed to the environment. */
async function unknown(agent: AgentClient, { workspace, environment }: { readonly workspace: string; readonly environment: string }, name: string): Promise<string> {
  const all = (await agent.call('services', {})).map(({ key }) => key).filter((key) => key.workspace === workspace);
  const here = all.filter((key) => key.environment === environment).map(({ service }) => service).sort();
  const elsewhere = all.filter(({ service }) => service === name).map((key) => key.environment).sort();
  const near = suggest(name, here);
  const known = near !== undefined ? `did you mean ${near}?` : `deployed there: ${here.join(', ') || 'none'}`;
  return `no service of this name was deployed to ${environment}${elsewhere.length > 0 ? `, only to ${elsewhere.join(', ')}` : ''}; ${known}; for one that is none of the workspace, say where it is by "at" in artifact.requires.services`;
}

async function askAddress({ at = '' }: Required, environment: string, { values, secrets }: ConfigValues, patience: Ms): Promise<Answer> {
  const { text, used, missing } = fillIn(at, values);
  const shown = ascii(at);
  if (missing.length > 0) return { problem: `where it is (${shown}) is not known: the variable ${missing.join(', ')} is not set; set it in environments/${environment}.env` };
  const address = parseAddress(text);
  if (typeof address === 'string') return { problem: `where it is (${shown}) ${address}; correct the variable in environments/${environment}.env` };
  const { outcome, reason = 'no answer' } = await waitUntilHealthy({ check: (signal) => check(address, patience, signal), intervalMs: AGAIN, timeoutMs: patience, passes: 1 });
  if (outcome === 'healthy') return { found: `${shown} answers` };
  // What the system says names the address.
  const secret = used.some((name) => secrets.includes(name));
  const why = secret ? /\bE[A-Z]{3,}\b|\bHTTP \d{3}\b/.exec(reason)?.[0] ?? 'it does not answer' : ascii(reason);
  return { problem: `nothing that will do answers at ${shown} from here (${why}); start it, or correct its address` };
}

function check(address: Address, timeoutMs: Ms, signal: AbortSignal): ReturnType<typeof checkTcp> {
  return address.kind === 'http' ? checkHttp({ url: address.url, timeoutMs, signal }) : checkTcp({ host: address.host, port: address.port, timeoutMs, signal });
}
