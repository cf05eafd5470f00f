/** The image that build-image made, as a release on an engine refers to it. */
import type { ImageOption, ResolvedEnvironment } from '../../config/index.js';
import { asDeployError, DeployError } from '../../errors.js';
import { ensureBase, imageFor, platformName, type Layout, type ReadImage } from '../../image/layout/index.js';
import type { Digest } from '../../image/oci.js';
import { formatReference, openRegistries, parseRepository } from '../../image/registry/index.js';
import type { ImageRef, Ms } from '../../model/index.js';
import type { ImagePlace } from '../../control/docker-task.js';
import type { DockerPlace } from '../../platforms/docker/index.js';
import { EngineClient } from '../../shell/engine/index.js';
import { interruptible } from '../image/interruptible.js';
import { transfers } from '../image/progress.js';
import { resolveProjectImage } from '../image/resolve.js';
import { fetchFrom, readProjectImage, withImages } from '../image/session.js';
import type { CommandContext } from '../context.js';
import { engineVariables } from './target.js';

export interface DeployedImage {
  readonly artifact: ImageRef;
  /** The service's own. */
  readonly port: number;
  /** Where the engine gets it from that cannot pull it. */
  readonly source?: ImagePlace;
}

/** A registry that does not answer is no reason to have a deploy wait: the engine can be given the image without one. */
const QUIET: Ms = 5_000;

/**
 * Nothing is changed by it but the store of base layers, and that in no dry run.
 * @throws DeployError ND-IMAGE-INCOMPLETE when the image was not built, ND-IMAGE-UNSUPPORTED when it is not for the engine, ND-ENGINE-*, ND-CONFIG-INVALID when its port is not known
 */
export async function deployedImage(context: CommandContext, resolved: Pick<ResolvedEnvironment, 'port' | 'file' | 'environment'>, place: DockerPlace, dryRun: boolean): Promise<DeployedImage> {
  const { program, context: named } = place;
  const client = new EngineClient({ program, variables: engineVariables(context.variables), ...(named === undefined ? {} : { context: named }) });
  try {
    return await imageOn(client, context, resolved, place, dryRun);
  } finally {
    client.objects.close();
  }
}

async function imageOn(client: EngineClient, context: CommandContext, resolved: Pick<ResolvedEnvironment, 'port' | 'file' | 'environment'>, { program }: DockerPlace, dryRun: boolean): Promise<DeployedImage> {
  const option = await resolveProjectImage(context);
  const layout = await readProjectImage(context);
  const image = fitting(layout, await enginePlatform(client, program), client.name);
  const port = resolved.port === 0 ? exposedPort(image, resolved) : resolved.port;
  const { descriptor: { digest }, manifest, platform } = image;
  const artifact: ImageRef = { type: 'image', digest, config: manifest.config.digest, platform: platformName(platform), bytes: manifest.layers.reduce((sum, { size }) => sum + size, 0) };
  // What it is pulled from is no part of what it is.
  if (dryRun) return { artifact, port };
  const repository = await repositoryOf(context, option, digest);
  if (repository !== undefined) return { artifact: { ...artifact, repository }, port };
  if (!await isThere(client, artifact)) await haveBase(context, option, layout);
  return { artifact, port, source: { layout: layout.folder, home: context.home.folder } };
}

/** `linux/amd64`: what the engine itself runs on, which need not be this machine. */
async function enginePlatform(client: EngineClient, program: DockerPlace['program']): Promise<string> {
  const question = program === 'docker' ? ['version', '--format={{.Server.Os}}/{{.Server.Arch}}'] : ['info', '--format={{.Host.OS}}/{{.Host.Arch}}'];
  const what = 'tell what it runs on';
  const said = await client.objects.platform(what) ?? (await client.ask(what, question)).trim();
  if (/^[a-z0-9]+\/[a-z0-9_]+$/.test(said)) return said;
  throw new DeployError('ND-ENGINE-FAILED', { what: 'the engine does not tell what it runs on', where: client.name, why: said === '' ? 'it says nothing' : `it says ${JSON.stringify(said.slice(0, 100))}`, next: `run ${program} ${question.join(' ')} to see it` });
}

function fitting(layout: Layout, engine: string, where: string): ReadImage {
  const [os = '', architecture = ''] = engine.split('/');
  try {
    return imageFor(layout, { os, architecture });
  } catch (error) {
    const built = layout.images.map(({ platform }) => platformName(platform)).join(', ');
    throw new DeployError('ND-IMAGE-UNSUPPORTED', { what: 'the image is not for this engine', where, why: `the engine is ${engine}, the image is for ${built}`, next: `name ${engine} in "artifact.platforms" of deploy.json and build the image again` }, { cause: error });
  }
}

function exposedPort({ config }: ReadImage, { file, environment }: Pick<ResolvedEnvironment, 'file' | 'environment'>): number {
  const exposed = Object.keys(config.config?.ExposedPorts ?? {});
  const ports = exposed.flatMap((name) => /^(\d{1,5})(?:\/tcp)?$/.exec(name)?.[1] ?? []).map(Number);
  const [port, ...others] = ports;
  if (port !== undefined && others.length === 0) return port;
  throw new DeployError('ND-CONFIG-INVALID', {
    what: 'the port that the service listens on is not known', where: `${file}: environments.${environment}`,
    why: port === undefined ? 'deploy.json has no "port", and the image exposes none' : `deploy.json has no "port", and the image exposes several: ${exposed.join(', ')}`,
    next: 'set "port" to it, at the top or in the environment; or have the image expose it (EXPOSE in the Dockerfile)',
  });
}

/** The first repository of `artifact.push` that has this very image. */
async function repositoryOf({ variables, output }: CommandContext, { push, plainHttp }: ImageOption, digest: Digest): Promise<string | undefined> {
  if (push.length === 0) return undefined;
  const registries = openRegistries({ env: variables, plainHttp, quiet: QUIET, retry: { attempts: 2 } });
  const lacking: string[] = [];
  try {
    for (const { repository: name } of push) {
      const repository = parseRepository(name);
      try {
        await registries.resolve({ ...repository, digest });
        return formatReference(repository);
      } catch (thrown) {
        const { code, parts } = asDeployError(thrown);
        lacking.push(code === 'ND-REGISTRY-NOT-FOUND' ? `${name} does not have it` : `${name} does not tell (${parts.why ?? parts.what})`);
      }
    }
  } finally {
    registries.close();
  }
  output.event({ type: 'note', text: `the image is loaded into the engine from this machine: ${lacking.join('; ')}; push-image brings it there` });
  return undefined;
}

/** Engines name an image by its configuration or, with a store of contents, by its manifest. */
async function isThere(client: EngineClient, { digest, config }: ImageRef): Promise<boolean> {
  const found = await client.objects.inspect('look for the image', 'image', [config, digest]);
  return found.some((image) => image !== undefined);
}

/** Layers of the base image may have been left where they came from, and a walker asks no registry. */
async function haveBase(context: CommandContext, { plainHttp }: ImageOption, layout: Layout): Promise<void> {
  if (layout.absent.size === 0) return;
  await interruptible(context.output, (signal) => withImages(context, plainHttp, ({ store, registries }) => ensureBase(layout, store, fetchFrom(registries, signal, transfers(context.output)))), 'nothing was begun');
  context.output.end();
}
