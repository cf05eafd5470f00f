/** Reads deploy.json and reports everything that is wrong with it at once. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DeployError } from '../errors.js';
import { LARGEST, readDocument, tooLarge } from './document.js';
import type { Document, Path } from './document.js';
import { describe, describeIssues } from './problems.js';
import { platformOf } from './resolve-docker.js';
import { defaultsSchema, deploySchema, FORMAT_VERSION } from './schema.js';
import type { Defaults, DeployConfig, EnvironmentConfig } from './schema.js';

export const CONFIG_FILE = 'deploy.json';
/** Problems that are shown; the others are counted. */
const MOST_SHOWN = 50;
/** A function that is made to read thousands of documents takes longer to make than one is read without it. */
const ONCE = { jitless: true } as const;
const NEXT = 'correct the file; docs/deploy-json.md lists every key, and an editor shows problems as you type once "$schema" is set';

/** deploy.json as it was written, valid on its own; `resolveEnvironment` takes it further. */
export interface DeployFile {
  /** Absolute path. */
  readonly file: string;
  readonly config: DeployConfig;
  /** A problem of a key, with its line and column. */
  readonly describe: (path: Path, problem: string) => string;
}

/**
 * Reads `<projectRoot>/deploy.json` (`projectRoot` absolute).
 * Throws ND-CONFIG-MISSING when there is none or it cannot be read, ND-CONFIG-INVALID with all problems when it is not valid.
 */
export function loadConfig(projectRoot: string, projectName: string): DeployFile {
  const file = join(projectRoot, CONFIG_FILE);
  return parseConfig(read(file, projectName), file);
}

function read(file: string, projectName: string): string {
  try {
    const { size } = statSync(file);
    if (size > LARGEST) throw invalid(file, [tooLarge(size)]);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof DeployError) throw error;
    const reason = typeof error === 'object' && error !== null && 'code' in error ? error.code : error;
    const missing = reason === 'ENOENT' || reason === 'ENOTDIR';
    throw new DeployError('ND-CONFIG-MISSING', {
      what: missing ? `project ${projectName} has no ${CONFIG_FILE}` : `${CONFIG_FILE} of project ${projectName} cannot be read`,
      where: file,
      ...(missing ? {} : { why: String(reason) }),
      next: missing ? `create it with: nx g nx-deploy:setup ${projectName}` : 'make it a file that you may read',
    }, { cause: error });
  }
}

/** Throws ND-CONFIG-INVALID with every problem of the text; `file` only names it. */
export function parseConfig(text: string, file: string): DeployFile {
  const reading = readDocument(text);
  if (!reading.ok) throw invalid(file, reading.problems);
  const { document } = reading;
  refuseNewer(document, file);
  const result = deploySchema.safeParse(document.value, ONCE);
  const found = describeIssues(result.error?.issues ?? [], { value: document.value, document });
  if (!result.success || found.length > 0) throw invalid(file, found);
  const problems = crossProblems(result.data, document);
  if (problems.length > 0) throw invalid(file, problems);
  return { file, config: result.data, describe: (path, problem) => describe(path, problem, { document }) };
}

/** Whatever else such a file holds, this version cannot judge it. */
function refuseNewer(document: Document, file: string): void {
  const { value } = document;
  const version: unknown = typeof value === 'object' && value !== null && 'version' in value ? value.version : undefined;
  if (typeof version !== 'number' || !Number.isInteger(version) || version <= FORMAT_VERSION) return;
  throw new DeployError('ND-CONFIG-INVALID', {
    what: 'the deploy configuration was written for a newer nx-deploy',
    where: file,
    problems: [describe(['version'], `must be at most ${FORMAT_VERSION}, the format that this nx-deploy reads, got ${version}`, { document })],
    next: 'update nx-deploy in this workspace: nx migrate nx-deploy, then nx migrate --run-migrations',
  });
}

/** Workspace-wide defaults from the plugin's options in nx.json; throws ND-CONFIG-INVALID with every problem. */
export function parseDefaults(value: unknown): Defaults {
  const given = value ?? {};
  const result = defaultsSchema.safeParse(given, ONCE);
  const found = describeIssues(result.error?.issues ?? [], { value: given });
  if (result.success && found.length === 0) return result.data;
  throw invalid('nx.json: plugins, nx-deploy/plugin, options.defaults', found);
}

/** The error of a deploy.json with problems, of which it shows the first fifty. */
export function invalid(where: string, problems: readonly string[]): DeployError {
  const count = problems.length === 1 ? 'a problem' : `${problems.length} problems`;
  const shown = problems.length <= MOST_SHOWN ? problems : [...problems.slice(0, MOST_SHOWN), `and ${problems.length - MOST_SHOWN} more`];
  return new DeployError('ND-CONFIG-INVALID', { what: `the deploy configuration has ${count}`, where, problems: shown, next: NEXT });
}

/** The environments of a deploy.json, in the order in which they stand there. */
export function environmentNames(config: DeployConfig): readonly string[] {
  return Object.keys(config.environments);
}

/** What the schema cannot say because it concerns several keys. */
function crossProblems(config: DeployConfig, document: Document): readonly string[] {
  return [...webTwice(config), ...listenTwice(config)].map(({ path, text }) => describe(path, text, { document }));
}

interface Found {
  readonly path: Path;
  readonly text: string;
}

function webTwice(config: DeployConfig): readonly Found[] {
  const places = [
    { path: ['processes'], processes: config.processes },
    ...Object.entries(config.environments).map(([name, environment]) => ({ path: ['environments', name, 'processes'], processes: environment.processes })),
  ];
  return places
    .filter(({ processes }) => processes !== undefined && Object.hasOwn(processes, 'web'))
    .map(({ path }) => ({ path: [...path, 'web'], text: 'must not stand here: web is the process that gets the traffic, set by "command" and "instances"' }));
}

function listenTwice(config: DeployConfig): readonly Found[] {
  const seen: { name: string; key: NonNullable<ReturnType<typeof listenKey>> }[] = [];
  const found: Found[] = [];
  for (const [name, environment] of Object.entries(config.environments)) {
    const key = listenKey(environment);
    if (key === undefined) continue;
    const other = seen.find((each) => each.key.port === key.port && each.key.host === key.host && each.key.path === key.path && each.key.place === key.place && overlap(each.key.address, key.address));
    if (other !== undefined) {
      const host = (key.host === undefined ? '' : ` and host ${key.host}`) + (key.path === undefined ? '' : ` and path ${key.path}`);
      found.push({ path: ['environments', name, 'listen'], text: `must differ from environments.${other.name}.listen: both have port ${key.port}${host}; choose another port, or give each its own "host"` });
    }
    seen.push({ name, key });
  }
  return found;
}

interface ListenKey {
  readonly port: number;
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly address: string;
  /** Two engines are two worlds. */
  readonly place: string;
}

function listenKey({ listen, platform }: EnvironmentConfig): ListenKey | undefined {
  const { port, host, address, path } = typeof listen === 'number' ? { port: listen } : { ...listen };
  const option = platformOf(platform);
  const place = option.type === 'docker' ? JSON.stringify([option.place.program, option.place.context]) : '';
  return port === undefined ? undefined : { port, host: host?.toLowerCase(), path, address: address ?? '127.0.0.1', place };
}

function overlap(a: string, b: string): boolean {
  const every = ['0.0.0.0', '::'];
  return a === b || every.includes(a) || every.includes(b);
}
