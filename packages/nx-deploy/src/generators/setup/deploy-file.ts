/** Writes deploy.json, or adds environments to one that a person wrote, with every comment and space of theirs kept. */
import { offsetFromRoot } from '@nx/devkit';
import { parseConfig } from '../../config/load.js';
import { serviceName } from '../../config/names.js';
import { platformOf } from '../../config/resolve-docker.js';
import { FORMAT_VERSION } from '../../config/schema.js';
import type { DeployConfig } from '../../config/schema.js';
import { DeployError } from '../../errors.js';
import { addProperty } from './add-property.js';
import type { Artifact } from './artifact.js';
import type { SourceFacts } from './infer-source.js';

export interface NewFile {
  readonly project: string;
  /** Relative to the workspace. */
  readonly root: string;
  readonly artifact: Artifact;
  readonly source: SourceFacts;
  readonly environments: readonly string[];
}

export interface Placing {
  readonly platform: string;
  readonly instances: number | undefined;
  /** Default: recreate with a fixed port, else what deploy.json says at the top, else rolling. */
  readonly strategy: string | undefined;
  /** A fresh public port for each call. */
  readonly nextPort: () => number;
}

export function newDeployFile(file: NewFile, placing: Placing): string {
  const { fixedPort, healthPath, answeredPath } = file.source;
  return `${JSON.stringify({
    $schema: `${offsetFromRoot(file.root)}node_modules/nx-deploy/deploy.schema.json`,
    version: FORMAT_VERSION,
    service: serviceName(file.project),
    artifact: file.artifact,
    ...(fixedPort === undefined ? {} : { port: fixedPort }),
    health: { path: healthPath ?? answeredPath ?? '/health' },
    environments: Object.fromEntries(file.environments.map((name) => [name, environment(placing, { fixedPort: fixedPort !== undefined, stated: false })])),
  }, null, 2)}\n`;
}

/**
 * The text with the environments that it lacks; the same text when it has them all.
 * Throws ND-CONFIG-INVALID when the file has problems: nothing is added to what cannot be read.
 */
export function withEnvironments(text: string, file: string, wanted: readonly string[], placing: Placing): string {
  const { config } = parseConfig(text, file);
  const lacking = wanted.some((name) => !Object.hasOwn(config.environments, name));
  if (lacking) checkArtifact(config.artifact.type, placing.platform, file);
  const already: Already = { fixedPort: (config.port ?? 0) > 0, stated: config.strategy !== undefined };
  return wanted
    .filter((name) => !Object.hasOwn(config.environments, name))
    .reduce((current, name) => addProperty(current, ['environments'], name, environment(placing, already)), text);
}

/** What a copied environment has otherwise; undefined: as the one that it is copied from. */
export interface Otherwise {
  readonly platform: string | undefined;
  readonly instances: number | undefined;
  readonly strategy: string | undefined;
}

/**
 * The text with an environment that has the settings of another one, but a port of its own and no host name; the same text when it has it.
 * Throws ND-CONFIG-INVALID when the file has problems, and ND-ENVIRONMENT-UNKNOWN when there is no environment to copy.
 */
export function withCopy(text: string, file: string, { name, from }: { readonly name: string; readonly from: string }, otherwise: Otherwise, nextPort: () => number): string {
  const { config } = parseConfig(text, file);
  if (Object.hasOwn(config.environments, name)) return text;
  const model = config.environments[from];
  if (model === undefined || !Object.hasOwn(config.environments, from)) {
    throw new DeployError('ND-ENVIRONMENT-UNKNOWN', { what: `there is no environment ${JSON.stringify(from)}`, where: file, problems: [`environments there: ${Object.keys(config.environments).join(', ')}`], next: 'name another one with --from, or leave it out' });
  }
  if (otherwise.platform !== undefined) checkArtifact(config.artifact.type, otherwise.platform, file);
  const onDocker = platformOf(otherwise.platform === 'docker' || otherwise.platform === 'local' ? otherwise.platform : model.platform).type === 'docker';
  const fixedPort = !onDocker && (config.port ?? model.port ?? 0) > 0;
  const strategy = strategyFor(otherwise.strategy, fixedPort);
  const instances = fixedPort && otherwise.instances !== undefined ? 1 : otherwise.instances;
  const { listen, ...rest } = model;
  return addProperty(text, ['environments'], name, {
    ...rest,
    ...(otherwise.platform === undefined ? {} : { platform: otherwise.platform }),
    ...(instances === undefined ? {} : { instances }),
    ...(strategy === undefined ? {} : { strategy }),
    ...(listen === undefined ? {} : { listen: typeof listen === 'number' || listen.address === undefined ? nextPort() : { port: nextPort(), address: listen.address } }),
  });
}

/** What a new environment has to go along with. */
interface Already {
  /** Can have one instance at a time only. */
  readonly fixedPort: boolean;
  /** A strategy stands at the top of deploy.json. */
  readonly stated: boolean;
}

function environment({ platform, instances, strategy, nextPort }: Placing, { fixedPort: fixed, stated }: Already): object {
  // A container has all ports for itself.
  const fixedPort = fixed && platform !== 'docker';
  const chosen = strategyFor(strategy, fixedPort) ?? (fixedPort ? 'recreate' : stated ? undefined : 'rolling');
  return {
    platform,
    instances: fixedPort ? 1 : instances ?? 2,
    ...(chosen === undefined ? {} : { strategy: chosen }),
    listen: nextPort(),
  };
}

/** Throws ND-OPTION-INVALID for a platform that does not run such an artifact. */
export function checkArtifact(type: string, platform: string, file: string): void {
  if (platform !== 'docker' || type === 'image') return;
  throw new DeployError('ND-OPTION-INVALID', {
    what: `the platform docker does not run an artifact of the type ${JSON.stringify(type)}`, where: file, why: 'it runs images',
    next: 'set "artifact.type" of deploy.json to "image" (of a new one: --artifact=image), which build-image makes of the same files; or use --platform=local',
  });
}

/** The strategy that was asked for. */
function strategyFor(strategy: string | undefined, fixedPort: boolean): string | undefined {
  if (!fixedPort || strategy === undefined || strategy === 'recreate') return strategy;
  throw new DeployError('ND-OPTION-INVALID', {
    what: `the strategy ${JSON.stringify(strategy)} cannot be used here`, why: 'the service has a fixed port, which two instances cannot share',
    next: 'let the service listen on the port in process.env.PORT and leave "port" out of deploy.json, or use --strategy=recreate',
  });
}

/** Lines about new environments that have fewer instances than were asked for. */
export function aboutInstances({ environments }: DeployConfig, added: readonly string[], instances: number | undefined): readonly string[] {
  const fewer = instances === undefined ? [] : added.filter((name) => environments[name]?.instances !== instances);
  return fewer.length === 0 ? [] : [`--instances=${instances ?? ''}: 1 in ${fewer.join(', ')}, for the service has a fixed port, which two instances cannot share`];
}
