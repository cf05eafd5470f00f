/** Brings the image that build-image made to registries. Never cached: a restored result would say of a registry what may be true no more. */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { DeployError } from '../errors.js';
import { blobFile, ensureBase, fileOf, type FetchBlob, type Layout } from '../image/layout/index.js';
import { formatReference, parseReference, parseRepository, type PushResult, type PushSource, type RegistryEvent, type Repository } from '../image/registry/index.js';
import type { BlobStore } from '../image/blobs/index.js';
import { formatBytes } from '../terminal/index.js';
import { interruptible } from './image/interruptible.js';
import { transfers } from './image/progress.js';
import { resolveProjectImage } from './image/resolve.js';
import { recordRun } from './image/run-record.js';
import { fetchFrom, readProjectImage, withImages, type ImageSession } from './image/session.js';
import { destinations, givenTags, tagFacts, type Destination, type GivenTags } from './image/tags.js';
import type { CommandContext } from './context.js';
import { report, type CommandResult, type ReportOptions } from './result.js';

export interface PushImageOptions extends ReportOptions {
  /** Tags, or templates of them, beside those of deploy.json. */
  readonly tag?: GivenTags;
}

interface Pushed extends PushResult {
  readonly repository: string;
  /** What deploy takes: a tag may mean another image tomorrow. */
  readonly reference: string;
}

export function pushImage(context: CommandContext, options: PushImageOptions): Promise<CommandResult> {
  return report(context, options, () => interruptible(context.output, async (signal) => {
    const began = performance.now();
    const { push, plainHttp } = await resolveProjectImage(context);
    if (push.length === 0) {
      throw new DeployError('ND-OPTION-INVALID', { what: 'no repository is named to push to', where: 'deploy.json: artifact.push', next: 'name one there, for example "push": ["images.example.com/team/api"]' });
    }
    const given = givenTags(options.tag);
    const pushed = await withImages(context, plainHttp, async (session) => {
      // While the image is read.
      for (const { repository } of push) session.registries.greet(parseRepository(repository));
      const layout = await readProjectImage(context);
      const facts = await tagFacts(context, layout.roots[0]?.digest ?? '', [...given, ...push.flatMap(({ tags }) => tags)]);
      return pushAll({ context, layout, session, signal }, destinations(push, facts, given));
    });
    context.output.end();
    const durationMs = Math.round(performance.now() - began);
    await recordRun(context, 'push', { finished: new Date().toISOString(), durationMs, pushed });
    for (const line of pushed.flatMap(pushedLines)) context.output.line(line);
    return { exitCode: 0, document: { outcome: 'done', exitCode: 0, durationMs, pushed } };
  }), 'look');
}

interface Pushing {
  readonly context: CommandContext;
  readonly layout: Layout;
  readonly session: ImageSession;
  readonly signal: AbortSignal;
}

/** One after the other: two that share a registry would send the same blobs twice. The first failure ends it; what is pushed stays pushed, and a second try finds it. */
async function pushAll({ context: { output }, layout, session: { store, registries }, signal }: Pushing, all: readonly Destination[]): Promise<readonly Pushed[]> {
  const pushed: Pushed[] = [];
  for (const { repository, tags } of all) {
    const name = formatReference(repository);
    const onEvent: (event: RegistryEvent) => void = transfers(output);
    output.phase('push', 'start');
    const result = await registries.push(repository, sourceOf(layout, store, fetchFrom(registries, signal, onEvent)), {
      tags, signal, onEvent, mountFrom: ({ digest }) => mountable(layout.base.get(digest)?.from, repository),
    }).catch((error: unknown) => {
      output.phase('push', 'failed');
      throw error;
    });
    output.phase('push', 'done');
    pushed.push({ ...result, repository: name, reference: formatReference({ ...repository, digest: result.digest }) });
  }
  return pushed;
}

function sourceOf(layout: Layout, store: BlobStore, fetch: FetchBlob): PushSource {
  const [root] = layout.roots;
  if (root === undefined) throw new DeployError('ND-INTERNAL', { what: 'a layout without an image was read' });
  return {
    root,
    manifest: ({ digest }) => readFile(blobFile(layout.folder, digest)),
    // A layer of the base is fetched only when the registry lacks it.
    open: async ({ digest }, start, end) => {
      const absent = layout.absent.get(digest);
      if (absent !== undefined) await ensureBase({ ...layout, absent: new Map([[digest, absent]]) }, store, fetch);
      return createReadStream(await fileOf(layout, store, digest), { start, end: end - 1 });
    },
  };
}

/** The repository of the base image, where that is on the same registry. */
function mountable(from: string | undefined, { registry }: Repository): string | undefined {
  if (from === undefined) return undefined;
  const base = parseReference(from);
  return base.registry === registry ? base.name : undefined;
}

function pushedLines({ reference, repository, tags, blobs, bytes }: Pushed): readonly string[] {
  return [
    `pushed: ${reference}`,
    ...tags.map((tag) => `  tag       ${repository}:${tag}`),
    `  sent      ${formatBytes(bytes)}: ${blobs.uploaded} uploaded, ${blobs.mounted} mounted, ${blobs.present} there already`,
  ];
}
