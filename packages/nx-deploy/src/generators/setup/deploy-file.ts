/** Writes deploy.json, or adds environments to one that a person wrote, with every comment and space of theirs kept. */
import { offsetFromRoot } from '@nx/devkit';
import { posix } from 'node:path';
import { parseConfig } from '../../config/load.js';
import { serviceName } from '../../config/names.js';
import { addProperty } from './add-property.js';
import type { Build } from './infer-build.js';
import type { SourceFacts } from './infer-source.js';

export interface NewFile {
  readonly project: string;
  /** Relative to the workspace. */
  readonly root: string;
  readonly build: Build;
  readonly source: SourceFacts;
  readonly environments: readonly string[];
}

export interface Placing {
  readonly platform: string;
  readonly instances: number | undefined;
  /** A fresh public port for each call. */
  readonly nextPort: () => number;
}

export function newDeployFile(file: NewFile, placing: Placing): string {
  const { fixedPort, healthPath } = file.source;
  const { entry, dependencies } = file.build;
  return `${JSON.stringify({
    $schema: `${offsetFromRoot(file.root)}node_modules/nx-deploy/deploy.schema.json`,
    service: serviceName(file.project),
    artifact: { type: 'files', path: artifactPath(file.root, file.build.output), entry, dependencies },
    ...(fixedPort === undefined ? {} : { port: fixedPort }),
    health: { path: healthPath ?? '/health' },
    environments: Object.fromEntries(file.environments.map((name) => [name, environment(placing, fixedPort !== undefined)])),
  }, null, 2)}\n`;
}

/**
 * The text with the environments that it lacks; the same text when it has them all.
 * Throws ND-CONFIG-INVALID when the file has problems: nothing is added to what cannot be read.
 */
export function withEnvironments(text: string, file: string, wanted: readonly string[], placing: Placing): string {
  const { config } = parseConfig(text, file);
  const fixed = (config.port ?? 0) > 0;
  return wanted
    .filter((name) => !Object.hasOwn(config.environments, name))
    .reduce((current, name) => addProperty(current, ['environments'], name, environment(placing, fixed)), text);
}

/** A fixed port can have one instance at a time only. */
function environment(placing: Placing, fixedPort: boolean): object {
  return {
    platform: placing.platform,
    instances: fixedPort ? 1 : placing.instances ?? 2,
    strategy: fixedPort ? 'recreate' : 'rolling',
    listen: placing.nextPort(),
  };
}

/** `dist` below the project, `{workspaceRoot}/dist/apps/api` elsewhere. */
function artifactPath(root: string, output: string): string {
  const inside = posix.relative(root, output);
  return inside === '..' || inside.startsWith('../') ? `{workspaceRoot}/${output}` : inside === '' ? '.' : inside;
}
