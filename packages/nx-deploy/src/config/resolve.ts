/** deploy.json, the workspace's defaults and the built-in ones become what one environment is: the nearest wins. */
import { resolve as resolvePath } from 'node:path';
import { DeployError } from '../errors.js';
import { parseDuration, WEB } from '../model/index.js';
import type { HealthSpec, Limits, Ms, ProcessSpec, Scale } from '../model/index.js';
import { anyPath, workspacePath, type Complain } from './artifact-path.js';
import { probesOf } from './checks.js';
import { pathText, quoted } from './document.js';
import type { Path } from './document.js';
import { environmentNames, invalid, parseDefaults } from './load.js';
import type { DeployFile } from './load.js';
import { serviceName } from './names.js';
import { notificationsOf } from './notify.js';
import { HOOK_NAMES } from './resolved.js';
import type { FilesArtifact, Hook, Hooks, ListenOption, ResolvedEnvironment } from './resolved.js';
import { checkPlatform, containerOf, platformOf } from './resolve-docker.js';
import { isOci } from './resolve-image.js';
import { verifyOf } from './resolve-package.js';
import type { Defaults, DeployConfig, EnvironmentConfig, HookConfig, ListenConfig } from './schema.js';
import { deadlineOf, resolveStrategy } from './strategy.js';
import { suggest } from './suggest.js';
import { parseSize } from './values.js';
import { watchOf } from './watch.js';

export interface ResolveRequest extends Pick<DeployFile, 'file' | 'config'>, Partial<Pick<DeployFile, 'describe'>> {
  readonly environment: string | undefined;
  /** `defaults` of the plugin's options in nx.json, not yet checked. */
  readonly defaults?: unknown;
  /** Absolute, or relative to `workspaceRoot`. */
  readonly projectRoot: string;
  /** Absolute. */
  readonly workspaceRoot: string;
  readonly projectName: string;
  readonly overrides?: { readonly strategy?: string | undefined };
}

/** The layers of one environment, nearest first. */
interface Layers {
  readonly environment: EnvironmentConfig;
  readonly file: DeployConfig;
  readonly defaults: Defaults;
}

/**
 * Throws ND-ENVIRONMENT-UNKNOWN without a known environment, ND-OPTION-INVALID for a strategy that does not exist,
 * ND-CONFIG-INVALID with every problem of keys that do not go together.
 */
export function resolveEnvironment(request: ResolveRequest): ResolvedEnvironment {
  const name = knownEnvironment(request);
  const environment = request.config.environments[name] ?? {};
  const layers: Layers = { environment, file: request.config, defaults: parseDefaults(request.defaults) };
  const problems: { path: Path; text: string }[] = [];
  const complain = (path: Path, text: string): void => void problems.push({ path, text });
  const health = healthOf(layers);
  const checks = { ...layers.defaults.checks, ...layers.file.checks, ...environment.checks };
  const named = (key: 'strategy' | 'watch') => (names: readonly string[], at: Path) => probesOf(checks, names, [...placeOf(layers, name, key), ...at], complain);
  const strategy = resolveStrategy({
    given: nearest(layers, 'strategy'), override: request.overrides?.strategy, healthPath: health.path,
    probes: named('strategy'), complain: (path, text) => complain([...placeOf(layers, name, 'strategy'), ...path], text),
  });
  const platform = platformOf(nearest(layers, 'platform'));
  const files = platform.type === 'local' ? filesOf(request, complain) : undefined;
  const resolved: ResolvedEnvironment = {
    service: request.config.service ?? serviceName(request.projectName),
    environment: name,
    file: request.file,
    platform,
    packaged: request.config.artifact.type === 'package',
    ...entryOf(request.config),
    verify: verifyOf(nearest(layers, 'verify'), request, (path, text) => complain([...placeOf(layers, name, 'verify'), ...path], text)),
    ...(files === undefined ? {} : { artifact: files }),
    port: nearest(layers, 'port') ?? 0,
    health,
    drain: ms(nearest(layers, 'drain'), 30_000),
    stopTimeout: ms(nearest(layers, 'stopTimeout'), 10_000),
    limits: limitsOf(layers),
    ...(platform.type === 'docker' ? { container: containerOf([layers.defaults.container, layers.file.container, environment.container]) } : {}),
    strategy,
    processes: processesOf(layers, name, platform.type, complain),
    listen: listenOf(environment.listen, request),
    hooks: hooksOf(layers),
    ...preflightOf(nearest(layers, 'preflight'), request),
    deadline: deadlineOf(nearest(layers, 'deadline'), strategy, (key, text) => complain(placeOf(layers, name, key), text)),
    watch: watchOf({
      given: nearest(layers, 'watch'), own: 'analyse' in strategy ? strategy.analyse : undefined,
      probes: named('watch'), complain: (path, text) => complain([...placeOf(layers, name, 'watch'), ...path], text),
    }),
    notifications: notificationsOf(
      { ...layers.defaults.notifications, ...layers.file.notifications, ...environment.notifications },
      (channel) => placeOfNamed(layers, name, 'notifications', channel), complain,
    ),
    keep: nearest(layers, 'keep') ?? 5,
  };
  if (platform.type === 'local') checkPort(resolved, complain);
  checkPlatform(resolved, request.config, layers.defaults, complain);
  checkHealth(resolved, complain);
  const say = request.describe ?? ((path, text) => `${pathText(path)}: ${text}`);
  if (problems.length > 0) throw invalid(request.file, problems.map(({ path, text }) => say(path, text)));
  return resolved;
}

function knownEnvironment(request: ResolveRequest): string {
  const { environment, config, projectName, file } = request;
  if (environment !== undefined && Object.hasOwn(config.environments, environment)) return environment;
  const known = environmentNames(config);
  const near = environment === undefined ? undefined : suggest(environment, known);
  throw new DeployError('ND-ENVIRONMENT-UNKNOWN', {
    what: environment === undefined ? 'no environment was named' : `there is no environment ${quoted(environment)}`,
    where: file,
    problems: [`environments of ${projectName}: ${known.join(', ')}`],
    next: `${near === undefined ? '' : `did you mean "${near}"? `}name one with --configuration=<name>, for example --configuration=${near ?? known[0] ?? 'staging'}`,
  });
}

function nearest<Key extends keyof Defaults & keyof EnvironmentConfig>(layers: Layers, key: Key): EnvironmentConfig[Key] | Defaults[Key] {
  const own: EnvironmentConfig[Key] = layers.environment[key];
  if (own !== undefined) return own;
  const file: Partial<Defaults> = layers.file;
  return file[key] ?? layers.defaults[key];
}

/** Where the nearest value of a key stands; the environment for one that deploy.json does not have. */
function placeOf(layers: Layers, environment: string, key: keyof Defaults & keyof EnvironmentConfig): Path {
  const file: Partial<Defaults> = layers.file;
  return layers.environment[key] === undefined && file[key] !== undefined ? [key] : ['environments', environment, key];
}

/** Of one of those that are merged by their names. */
function placeOfNamed(layers: Layers, environment: string, key: 'notifications', name: string): Path {
  const own = layers.environment[key];
  return own !== undefined && Object.hasOwn(own, name) ? ['environments', environment, key, name] : [key, name];
}

function ms(text: string | undefined, otherwise: Ms): Ms {
  return text === undefined ? otherwise : parseDuration(text) ?? otherwise;
}

/** The files that `local` runs: undefined for a package, and for an image that no build's output is a copy of. */
function filesOf(request: ResolveRequest, complain: Complain): FilesArtifact | undefined {
  const { artifact } = request.config;
  if (artifact.type === 'package') return undefined;
  if (artifact.type === 'image' && (!isOci(artifact) || artifact.dependencies === 'installed' || artifact.bundle === true)) return undefined;
  const { path = 'dist', entry = 'main.js' } = artifact;
  const absolute = workspacePath(request, path, ['artifact', 'path'], complain);
  return { type: 'files', path: absolute, entry, dependencies: artifact.dependencies === 'traced' ? 'traced' : 'bundled' };
}

function entryOf({ artifact }: DeployConfig): { readonly entry?: string } {
  return artifact.type === 'image' && !isOci(artifact) ? {} : { entry: artifact.entry ?? 'main.js' };
}

function healthOf(layers: Layers): HealthSpec {
  const given = { ...layers.defaults.health, ...layers.file.health, ...layers.environment.health };
  return { path: given.path ?? '/health', timeout: ms(given.timeout, 60_000), interval: ms(given.interval, 500), passes: given.passes ?? 2 };
}

function limitsOf(layers: Layers): Limits {
  const { memory, cpu, pids } = { ...layers.defaults.limits, ...layers.file.limits, ...layers.environment.limits };
  const bytes = memory === undefined ? undefined : parseSize(memory);
  return { ...(bytes === undefined ? {} : { memory: bytes }), ...(cpu === undefined ? {} : { cpu }), ...(pids === undefined ? {} : { pids }) };
}

type ResolvedProcesses = Record<string, { readonly scale: Scale; readonly spec: ProcessSpec }>;

function processesOf(layers: Layers, environment: string, platform: ResolvedEnvironment['platform']['type'], complain: Complain): ResolvedProcesses {
  const web = { scale: { fixed: layers.environment.instances ?? layers.defaults.instances ?? 1 }, spec: { command: platform === 'docker' ? containerCommand(layers.file) : webCommand(layers.file) } };
  const result: ResolvedProcesses = { web };
  const levels = [layers.defaults.processes, layers.file.processes, layers.environment.processes];
  for (const name of new Set(levels.flatMap((level) => Object.keys(level ?? {})))) {
    if (name === WEB) continue;
    const given = Object.assign({}, ...levels.map((level) => (level !== undefined && Object.hasOwn(level, name) ? level[name] : {}))) as NonNullable<Defaults['processes']>[string];
    const declared = layers.file.processes !== undefined && Object.hasOwn(layers.file.processes, name);
    const where = [...(declared ? [] : ['environments', environment]), 'processes', name];
    if (given.command === undefined) complain(where, 'must have a "command", here or at the top');
    if (given.early === true && given.exclusive === true) complain(where, 'cannot be "early" and "exclusive": an early one runs in two releases at once');
    result[name] = { scale: { fixed: given.instances ?? 1 }, spec: { command: given.command ?? [], ...(given.early === undefined ? {} : { early: given.early }), ...(given.exclusive === true ? { exclusive: true } : {}) } };
  }
  return result;
}

/** An image says by itself what starts it; "command" at the top says it for all that is deployed of it. */
function webCommand({ command, artifact }: DeployConfig): readonly string[] {
  if (command !== undefined) return command;
  if (artifact.type === 'image') return isOci(artifact) ? artifact.command ?? ['node', artifact.entry ?? 'main.js'] : [];
  return ['node', artifact.entry ?? 'main.js'];
}

/** What the image itself starts. Of a Dockerfile nothing else says it; an image that is put together here has the command in it. */
function containerCommand({ command = [], artifact }: DeployConfig): readonly string[] {
  return artifact.type === 'image' && !isOci(artifact) ? command : [];
}

function listenOf(listen: ListenConfig | undefined, place: ResolveRequest): ListenOption {
  const { port, host, address, path, certificate } = typeof listen === 'number' ? { port: listen } : { ...listen };
  const files = certificate === undefined ? [] : [certificate].flat();
  return {
    address: address ?? '127.0.0.1', ...(port === undefined ? {} : { port }), ...(host === undefined ? {} : { host: host.toLowerCase() }),
    ...(path === undefined ? {} : { path }), ...(files.length === 0 ? {} : { certificates: files.map((file) => anyPath(place, file)) }),
  };
}

function hooksOf(layers: Layers): Hooks {
  const given = { ...layers.defaults.hooks, ...layers.file.hooks, ...layers.environment.hooks };
  return Object.fromEntries(HOOK_NAMES.flatMap((name) => {
    const hooks = given[name];
    return hooks === undefined ? [] : [[name, hooks.map(hookOf)]];
  }));
}

function preflightOf(given: EnvironmentConfig['preflight'], { workspaceRoot, projectRoot }: ResolveRequest): Pick<ResolvedEnvironment, 'preflight'> {
  if (given === undefined || given === false) return {};
  const { file = 'health.json', tags = [], only = [] } = given;
  return { preflight: { file: resolvePath(workspaceRoot, projectRoot, file), tags, only } };
}

function hookOf(hook: HookConfig): Hook {
  const { run, env, timeout } = 'run' in hook ? hook : { run: hook };
  return { run, env: env ?? [], timeout: ms(timeout, 300_000) };
}

/** A fixed port belongs to one process at a time: neither a second instance nor an overlapping release can have it. */
function checkPort(resolved: ResolvedEnvironment, complain: Complain): void {
  if (resolved.port === 0) return;
  const web = resolved.processes[WEB]?.scale;
  const instances = web !== undefined && 'fixed' in web ? web.fixed : 1;
  const path = ['environments', resolved.environment];
  const instead = 'leave "port" out (or 0) so that each instance gets a port of its own by the variable PORT';
  if (instances > 1) complain([...path, 'instances'], `must be 1 with the fixed port ${resolved.port}, because two instances cannot share a port; ${instead}`);
  const { type } = resolved.strategy;
  if (type !== 'recreate') {
    complain([...path, 'strategy'], `must be "recreate" with the fixed port ${resolved.port}, because ${type} runs a second instance beside the first and two cannot share a port; or ${instead}`);
  }
  if (resolved.port === resolved.listen.port) complain([...path, 'listen'], `must differ from the service's own port ${resolved.port}: the router listens there`);
}

function checkHealth({ health, environment }: ResolvedEnvironment, complain: Complain): void {
  if (health.interval * (health.passes - 1) >= health.timeout) {
    complain(['environments', environment, 'health'], `must leave time for ${health.passes} passes: with an interval of ${health.interval}ms they do not fit into the timeout of ${health.timeout}ms`);
  }
}
