/** Images of Node services, put together from files: no engine, no daemon, no program but Node. */
import { layerTime } from '../../layer/time.js';
import type { OciImage } from '../../../config/resolved.js';
import type { Ms } from '../../../model/index.js';
import type { Build, BuildPhase, BuildSite, BuiltImage, ImageFiles, LayerReport, OciBuilder } from '../../builder.js';
import { platformName } from '../../layout/documents.js';
import type { Digest, Platform } from '../../oci.js';
import { DeployError } from '../../../errors.js';
import { resolveBase, type Base, type BaseImage } from './base.js';
import { Collecting } from './collecting.js';
import { baseFacts, imageConfig } from './config.js';
import { variablesOf } from './environment.js';
import { makeLayers, type MadeLayer } from './layers.js';
import { adviceOn, assertOptions } from './options.js';
import { isThisMachine, parsePlatforms, thisMachine } from './platforms.js';
import type { SmokeImport } from './smoke.js';
import { smokedOnce } from './smoked.js';

/** Which files go into the image for a platform. */
export type CollectFiles = (options: OciImage, platform: Platform, site: BuildSite) => Promise<ImageFiles>;

export interface OciSettings {
  /** How long the smoke import may take; 20 s by default. */
  readonly smokeLimit?: Ms;
}

/** The image for one platform on its way. */
interface Part {
  readonly base: BaseImage;
  readonly files: ImageFiles;
}

interface LayeredPart extends Part {
  readonly layers: readonly MadeLayer[];
}

const SMOKE_LIMIT: Ms = 20_000;

export function ociBuilder(collect: CollectFiles, { smokeLimit = SMOKE_LIMIT }: OciSettings = {}): OciBuilder {
  return async (options, site) => {
    assertOptions(options);
    const platforms = parsePlatforms(options.platforms);
    const time = layerTime(site.variables);
    const collecting = new Collecting(collect, options, platforms, site);
    const made = new Set<Digest>();
    try {
      const base = await phase(site, 'base', () => resolveBase(options.base, platforms, site));
      const found = await phase(site, 'dependencies', () => collecting.all());
      const make = (files: readonly ImageFiles[]): Promise<Build> => makeAll(files, { base, options, site, time, made }, { limit: smokeLimit, onIdle: () => collecting.goOn() });
      if (found.every(({ confirm }) => confirm === undefined)) return await make(found);
      collecting.pause();
      return await confirmed(await outcomeOf(make(found)), found, await collecting.confirmed(), { options, make });
    } finally {
      await collecting.close();
    }
  };
}

type Outcome = { readonly build: Build; readonly thrown?: undefined } | { readonly build?: undefined; readonly thrown: unknown };

async function outcomeOf(work: Promise<Build>): Promise<Outcome> {
  try {
    return { build: await work };
  } catch (thrown) {
    if (thrown instanceof DeployError && thrown.code === 'ND-CANCELLED') throw thrown;
    return { thrown };
  }
}

interface Again {
  readonly options: OciImage;
  readonly make: (files: readonly ImageFiles[]) => Promise<Build>;
}

/** What was made of presumed files counts when they are what was found, and is made again when they are not. */
async function confirmed({ build, thrown }: Outcome, presumed: readonly ImageFiles[], found: readonly ImageFiles[], { options, make }: Again): Promise<Build> {
  if (identityOf(presumed) !== identityOf(found)) return make(found);
  if (build === undefined) throw thrown;
  return { ...build, warnings: warningsOf(options, found) };
}

function identityOf(files: readonly ImageFiles[]): string {
  return JSON.stringify(files.map(({ layers, workingDirectory, entry }) => [layers.map(({ kind, key }) => [kind, key]), workingDirectory, entry]));
}

async function makeAll(files: readonly ImageFiles[], facts: Facts, { limit, onIdle }: { readonly limit: Ms; readonly onIdle: () => void }): Promise<Build> {
  const { base, options, site, time } = facts;
  const parts = base.images.flatMap((image, index): Part[] => files.slice(index, index + 1).map((found) => ({ base: image, files: found })));
  const layered = await phase(site, 'layers', async () => {
    const done: LayeredPart[] = [];
    for (const part of parts) {
      const layers = await makeLayers(part.files, time, site);
      for (const { made, write } of layers) if (made) facts.made.add(write.digest);
      done.push({ ...part, layers });
    }
    return done;
  });
  const build = await assembled(layered, facts);
  const onStarted = (): void => {
    site.onAssembled?.(build);
    onIdle();
  };
  await phase(site, 'smoke', async () => {
    for (const part of layered) await smoke(part, options, { limit, onStarted }, site);
  });
  onIdle();
  return build;
}

async function phase<T>({ onEvent }: BuildSite, name: BuildPhase, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const tell = (state: 'done' | 'failed'): void => onEvent({ type: 'phase', phase: name, state, ms: Math.round(performance.now() - began) });
  onEvent({ type: 'phase', phase: name, state: 'start' });
  try {
    const result = await work();
    tell('done');
    return result;
  } catch (thrown) {
    tell('failed');
    throw thrown;
  }
}

/** What it finds depends on this machine: it is told, and stands in nothing that is built. */
async function smoke({ base, files, layers }: LayeredPart, options: OciImage, settings: Pick<SmokeImport, 'limit' | 'onStarted'>, site: BuildSite): Promise<void> {
  const { platform } = base;
  const note = (text: string): void => site.onEvent({ type: 'note', text });
  if (!isThisMachine(platform)) {
    note(`no smoke import for ${platformName(platform)}, as this machine is ${platformName(thisMachine())}`);
    return;
  }
  const node = base.config.config.Env?.find((pair) => pair.startsWith('NODE_VERSION='))?.slice('NODE_VERSION='.length);
  const notes = await smokedOnce({
    platform, layers: layers.map(({ write }) => write.digest), workingDirectory: files.workingDirectory, entry: files.entry, env: options.env, ...settings, otherCommand: options.command !== undefined,
    ...(node === undefined ? {} : { node }),
  }, site);
  notes.forEach(note);
}

interface Facts {
  readonly base: Base;
  readonly options: OciImage;
  readonly site: BuildSite;
  readonly time: number;
  /** Layers that were made in this run, perhaps for files that were only presumed. */
  readonly made: Set<Digest>;
}

async function assembled(parts: readonly LayeredPart[], facts: Facts): Promise<Build> {
  const { base, options, site } = facts;
  const variables = await variablesOf(site.workspaceRoot, site.projectRoot);
  const made = parts.flatMap(({ layers }) => layers.flatMap(({ write: { digest } }) => (facts.made.has(digest) ? [digest] : [])));
  return {
    images: parts.map((part) => builtImage(part, facts, variables)), base: { reference: base.reference, digest: base.digest },
    warnings: warningsOf(options, parts.map(({ files }) => files)), made: [...new Set(made)],
  };
}

function warningsOf(options: OciImage, files: readonly ImageFiles[]): readonly string[] {
  return [...new Set([...adviceOn(options), ...files.flatMap(({ warnings }) => warnings)])];
}

function builtImage({ base, files, layers }: LayeredPart, { base: { name, reference }, options, site, time }: Facts, variables: readonly string[]): BuiltImage {
  const from = { config: base.config, digest: base.digest, ...(name === undefined ? {} : { name }) };
  const config = imageConfig({
    base: from, options, workingDirectory: files.workingDirectory, entry: files.entry, layers: layers.map(({ report }) => report), projectName: site.projectName, variables, time,
  });
  const below = base.layers.map(({ digest, size }, index): LayerReport => ({ kind: 'base', digest, diffId: base.config.rootfs.diff_ids[index] ?? digest, size, reason: reference }));
  return {
    platform: base.platform,
    image: { config, layers: [...base.layers, ...layers.map(({ write }) => write)], annotations: baseFacts(from) },
    layers: [...below, ...layers.map(({ report }) => report)],
  };
}
