/** Images of Node services, put together from files: no engine, no daemon, no program but Node. */
import { layerTime } from '../../layer/time.js';
import type { OciImage } from '../../../config/resolved.js';
import type { Ms } from '../../../model/index.js';
import type { Build, BuildPhase, BuildSite, BuiltImage, ImageFiles, LayerReport, OciBuilder } from '../../builder.js';
import { platformName } from '../../layout/documents.js';
import type { Platform } from '../../oci.js';
import { resolveBase, type Base, type BaseImage } from './base.js';
import { baseFacts, imageConfig } from './config.js';
import { variablesOf } from './environment.js';
import { makeLayers, type MadeLayer } from './layers.js';
import { adviceOn, assertOptions } from './options.js';
import { isThisMachine, parsePlatforms, thisMachine } from './platforms.js';
import type { SmokeImport } from './smoke.js';
import { SmokeAhead } from './smoke-ahead.js';
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
    const ahead = new SmokeAhead(options, platforms, site);
    const collecting = new Collecting(collect, options, platforms, site);
    try {
      const base = await phase(site, 'base', () => resolveBase(options.base, platforms, site));
      const files = await phase(site, 'dependencies', () => collecting.all());
      const parts = base.images.flatMap((image, index): Part[] => files.slice(index, index + 1).map((found) => ({ base: image, files: found })));
      const layered = await phase(site, 'layers', async () => {
        const done: LayeredPart[] = [];
        for (const part of parts) done.push({ ...part, layers: await makeLayers(part.files, time, site, isThisMachine(part.base.platform)) });
        return done;
      });
      const build = await assembled(layered, { base, options, site, time });
      await phase(site, 'smoke', async () => {
        for (const part of layered) await smoke(part, options, { limit: smokeLimit, onStarted: () => site.onAssembled?.(build), waiting: () => ahead.take() }, site);
        await ahead.passed();
      });
      return build;
    } finally {
      await Promise.all([collecting.close(), ahead.close()]);
    }
  };
}

/** The files for each platform, in their order. It begins at once: while a registry is asked for the base, the files are looked at. */
class Collecting {
  readonly #found: ImageFiles[] = [];
  readonly #work: Promise<void>;

  constructor(collect: CollectFiles, options: OciImage, platforms: readonly Platform[], site: BuildSite) {
    this.#work = (async () => {
      for (const platform of platforms) this.#found.push(await collect(options, platform, site));
    })();
    // A failure is met when its turn comes.
    this.#work.catch(() => undefined);
  }

  async all(): Promise<readonly ImageFiles[]> {
    await this.#work;
    return this.#found;
  }

  async close(): Promise<void> {
    await this.#work.catch(() => undefined);
    await Promise.allSettled(this.#found.map((files) => files.close()));
  }
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
async function smoke({ base, files, layers }: LayeredPart, options: OciImage, settings: Pick<SmokeImport, 'limit' | 'onStarted' | 'waiting'>, site: BuildSite): Promise<void> {
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
}

async function assembled(parts: readonly LayeredPart[], facts: Facts): Promise<Build> {
  const { base, options, site } = facts;
  const variables = await variablesOf(site.workspaceRoot, site.projectRoot);
  const made = parts.flatMap(({ layers }) => layers.flatMap((layer) => (layer.made ? [layer.write.digest] : [])));
  return {
    images: parts.map((part) => builtImage(part, facts, variables)), base: { reference: base.reference, digest: base.digest },
    warnings: [...new Set([...adviceOn(options), ...parts.flatMap(({ files }) => files.warnings)])], made: [...new Set(made)],
  };
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
