/** The builder `docker`: an engine builds the Dockerfile, and what it made becomes layers of the store like those of any other image. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLIENT_VARIABLES } from '../../../shell/engine/index.js';
import { baseEnvironment, pick } from '../../../shell/environment.js';
import type { Build, BuildPhase, BuildSite, BuiltImage, DockerBuilder, LayerReport } from '../../builder.js';
import { isDigest } from '../../digest.js';
import { layerTime } from '../../layer/index.js';
import { platformName } from '../../layout/index.js';
import type { Digest } from '../../oci.js';
import { assertAble } from './abilities.js';
import { openArchive } from './archive-file.js';
import { buildCommand, methodVariables, saveCommand, type Method, type Outputs } from './commands.js';
import { detect } from './detect.js';
import { badArchive, cancelledBuild, failedBuild } from './failures.js';
import { readExported } from './exported.js';
import { storeExported } from './layers.js';
import { runProgram } from './program.js';
import { prepare, type Prepared } from './request.js';
import { reasonsOf, settled } from './settle.js';

interface Work {
  readonly prepared: Prepared;
  readonly method: Method;
  readonly site: BuildSite;
  readonly env: Readonly<Record<string, string>>;
  /** s since 1970. */
  readonly time: number;
}

/**
 * Nothing is tagged; what was built stays in the engine as its cache. Of the same Dockerfile, all of it in the engine's cache, the image has the same digest.
 * @throws DeployError ND-ENGINE-*, ND-OPTION-INVALID, ND-IMAGE-BUILD-FAILED, ND-IMAGE-INVALID, ND-CANCELLED
 */
export const buildDockerfile: DockerBuilder = async (options, site) => {
  const prepared = await prepare(options, site.variables);
  const found = { ...baseEnvironment(site.variables), ...pick(site.variables, CLIENT_VARIABLES) };
  const detected = await detect(options.engine, site.variables['DOCKER_BUILDKIT'], { env: found, ...signalOf(site) });
  assertAble(detected, prepared);
  if (detected.note !== undefined) site.onEvent({ type: 'note', text: detected.note });
  const { method } = detected;
  const time = layerTime(site.variables);
  const work: Work = { prepared, method, site, time, env: { ...found, ...methodVariables(method, time), ...prepared.variables } };
  const images: BuiltImage[] = [];
  const made = new Set<Digest>();
  for (const platform of options.platforms) images.push(await inFolder((outputs) => buildOne(work, platform, outputs, made)));
  const build: Build = { images, made: [...made], warnings: detected.note === undefined ? [] : [detected.note] };
  return build;
};

async function inFolder<T>(action: (outputs: Outputs) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'nx-deploy-dockerfile-'));
  try {
    return await action({ idFile: join(folder, 'id'), archive: join(folder, 'image.tar') });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function buildOne(work: Work, platform: string, outputs: Outputs, made: Set<Digest>): Promise<BuiltImage> {
  const { prepared, method, site } = work;
  await phase(site, 'dockerfile', () => execute(work, buildCommand(method, prepared, platform, outputs)));
  return phase(site, 'export', async () => {
    if (method.builder !== 'buildx' || !method.exports) {
      const id = (await readFile(outputs.idFile, 'utf8').catch(() => '')).trim();
      if (!isDigest(id)) throw badArchive('the engine did not tell the id of what it built');
      await execute(work, saveCommand(method.program, id, outputs.archive));
    }
    return readImage(work, platform, outputs.archive, made);
  });
}

async function readImage({ prepared, site, time }: Work, platform: string, file: string, made: Set<Digest>): Promise<BuiltImage> {
  const archive = await openArchive(file);
  const exported = await readExported(archive);
  const config = settled(exported.config, prepared, time);
  const [os, architecture, variant] = platform.split('/');
  // `linux/arm64` is an image for arm64 of whatever variant.
  if (config.os !== os || config.architecture !== architecture || (variant !== undefined && config.variant !== variant)) throw badArchive(`the image is for ${platformName(config)}, and ${platform} was asked for; the base image may not exist for it`);
  const reasons = reasonsOf(exported.config, prepared);
  const layers: LayerReport[] = [];
  for (const [index, diffId] of config.rootfs.diff_ids.entries()) {
    if (site.signal?.aborted === true) throw cancelledBuild(site.signal.reason);
    const layer = await storeExported(site.store, archive, exported.layers[index] ?? '', diffId);
    if (layer.made) made.add(layer.digest);
    const { digest, size, uncompressed } = layer;
    layers.push({ kind: 'dockerfile', digest, diffId, size, uncompressed, reason: reasons[index] ?? '' });
  }
  return { platform: { os, architecture, ...(config.variant === undefined ? {} : { variant: config.variant }) }, image: { config, layers: layers.map(({ digest, size }) => ({ digest, size })) }, layers };
}

async function execute({ prepared, site, env }: Work, argv: readonly string[]): Promise<void> {
  const [program = ''] = argv;
  const { exitCode, signal, lines } = await runProgram(argv, {
    env, redact: prepared.redact, ...signalOf(site), onLine: (line) => site.onEvent({ type: 'output', source: program, line }),
  });
  if (exitCode !== 0) throw failedBuild(`${program} ${argv[1] ?? ''} ${signal === undefined ? `ended with ${exitCode}` : `was ended by ${signal}`}`, lines);
}

async function phase<T>({ onEvent }: BuildSite, name: BuildPhase, action: () => Promise<T>): Promise<T> {
  const started = performance.now();
  onEvent({ type: 'phase', phase: name, state: 'start' });
  try {
    const result = await action();
    onEvent({ type: 'phase', phase: name, state: 'done', ms: performance.now() - started });
    return result;
  } catch (error) {
    onEvent({ type: 'phase', phase: name, state: 'failed', ms: performance.now() - started });
    throw error;
  }
}

function signalOf({ signal }: BuildSite): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
