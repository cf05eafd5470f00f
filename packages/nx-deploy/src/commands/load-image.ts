/** The image for an engine: loaded into it, or as the file that it loads. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { quoted } from '../archive/manifest.js';
import { DeployError } from '../errors.js';
import { ensureBase, imageFor, platformName, writeDockerArchive, type Layout } from '../image/layout/index.js';
import { parseReference, withTag, familiarReference } from '../image/registry/index.js';
import { CLIENT_VARIABLES } from '../shell/engine/index.js';
import { baseEnvironment, pick } from '../shell/environment.js';
import { run } from '../shell/run.js';
import { interruptible } from './image/interruptible.js';
import { writeError } from './image/place.js';
import { transfers } from './image/progress.js';
import { resolveProjectImage } from './image/resolve.js';
import { fetchFrom, readProjectImage, withImages } from './image/session.js';
import { givenTags, type GivenTags } from './image/tags.js';
import type { CommandContext } from './context.js';
import { report, type CommandResult, type ReportOptions } from './result.js';

export const ENGINES = ['docker', 'podman'] as const;
type Engine = (typeof ENGINES)[number];

export interface LoadImageOptions extends ReportOptions {
  readonly engine?: string;
  /** `linux/arm64`; by default the one of this machine, or the only one. */
  readonly platform?: string;
  /** Names that the engine gives to the image; by default the project's with the tag `latest`. */
  readonly tag?: GivenTags;
  /** Absolute path of a file that is written instead. */
  readonly archive?: string;
}

type Sink = (chunk: Uint8Array) => Promise<void>;
type WriteArchive = (sink: Sink) => Promise<void>;

const TIMEOUT = 30 * 60_000;

export function loadImage(context: CommandContext, options: LoadImageOptions): Promise<CommandResult> {
  return report(context, options, () => interruptible(context.output, async (signal) => {
    const engine = engineOf(options.engine);
    const { plainHttp } = await resolveProjectImage(context);
    const layout = await readProjectImage(context);
    const { platform } = chosen(layout, options.platform);
    const tags = tagsOf(context, options.tag);
    await withImages(context, plainHttp, async ({ store, registries }) => {
      await ensureBase(layout, store, fetchFrom(registries, signal, transfers(context.output)));
      const write: WriteArchive = (sink) => writeDockerArchive(layout, store, { platform, tags }, sink);
      await (options.archive === undefined ? load(engine, write, context, signal) : writeFile(options.archive, write));
    });
    context.output.end();
    context.output.line(`${options.archive === undefined ? `loaded into ${engine}` : `written to ${options.archive}`}: ${tags.join(', ')} (${platformName(platform)})`);
    return { exitCode: 0, document: { outcome: 'done', exitCode: 0, digest: layout.roots[0]?.digest, platform: platformName(platform), tags, ...(options.archive === undefined ? { engine } : { archive: options.archive }) } };
  }), 'look');
}

function engineOf(given = 'docker'): Engine {
  const engine = ENGINES.find((known) => known === given);
  if (engine !== undefined) return engine;
  throw new DeployError('ND-OPTION-INVALID', { what: `there is no engine ${JSON.stringify(given)}`, next: `known: ${ENGINES.join(', ')}` });
}

function chosen(layout: Layout, given: string | undefined): Layout['images'][number] {
  const [only, ...others] = layout.images;
  if (given === undefined && only !== undefined && others.length === 0) return only;
  const wanted = given ?? `linux/${MACHINE[process.arch] ?? process.arch}`;
  const known = layout.images.map(({ platform }) => platformName(platform));
  const [os = '', architecture = '', variant] = wanted.split('/');
  try {
    return imageFor(layout, { os, architecture, ...(variant === undefined ? {} : { variant }) });
  } catch (error) {
    throw new DeployError('ND-OPTION-INVALID', { what: `the image is not for ${quoted(wanted)}`, next: `--platform takes one of these: ${known.join(', ')}; others are built when artifact.platforms of deploy.json names them` }, { cause: error });
  }
}

/** Node's names of architectures where they are not the image specification's. */
const MACHINE: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

function tagsOf({ projectName }: CommandContext, given: LoadImageOptions['tag']): readonly string[] {
  const name = projectName.toLowerCase().replace(/[^a-z0-9/]+/g, '-').replace(/(^|\/)-+|-+(?=\/|$)/g, '$1');
  const tags = given === undefined ? [name] : givenTags(given);
  return tags.map((tag) => familiarReference(withTag(parseReference(tag))));
}

async function load(engine: Engine, write: WriteArchive, { workspaceRoot, variables, output }: CommandContext, signal: AbortSignal): Promise<void> {
  const said: string[] = [];
  output.phase('load', 'start');
  const result = await run([engine, 'load'], {
    cwd: workspaceRoot, env: { ...baseEnvironment(variables), ...pick(variables, CLIENT_VARIABLES) }, timeout: TIMEOUT, signal, input: write,
    onLine: (line) => { said.push(line); output.event({ type: 'output', source: engine, line }); },
  });
  signal.throwIfAborted();
  if (result.exitCode === 0) {
    output.phase('load', 'done');
    return;
  }
  output.phase('load', 'failed');
  if (result.startError !== undefined) throw new DeployError('ND-TOOL-MISSING', { what: `${engine} cannot be run`, why: result.startError.split('\n')[0] ?? '', next: `install ${engine}, name another engine with --engine, or write a file for it with --archive=<file>` });
  throw new DeployError('ND-ENGINE-FAILED', {
    what: `${engine} did not load the image`,
    why: result.timedOut ? 'it took longer than 30 minutes' : said.at(-1) ?? `it ended with ${result.exitCode ?? result.signal ?? 'no exit code'}`,
    next: `check that ${engine} runs (${engine} version), or write a file for it with --archive=<file>`,
  });
}

/** Beside its place, then renamed: nobody takes half a file for an image. */
async function writeFile(file: string, write: WriteArchive): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const stream = createWriteStream(temporary, { flags: 'wx' });
    const failed = once(stream, 'error').then(([error]) => { throw error; });
    failed.catch(() => undefined);
    await Promise.race([failed, write((chunk) => new Promise((done, reject) => { stream.write(chunk, (error) => (error ? reject(error) : done())); }))]);
    await new Promise<void>((done, reject) => { stream.once('error', reject); stream.end(done); });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw writeError(error, file);
  }
}
