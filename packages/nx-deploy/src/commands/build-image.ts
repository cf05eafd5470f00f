/** Builds the image of a project as a folder: nothing but files is made, so that Nx's cache restores all of it. */
import { buildFacts } from 'nx-build-manifest';
import type { ImageOption } from '../config/index.js';
import type { Build, BuildSite } from '../image/builder.js';
import { complete, readLayout, type WrittenLayout } from '../image/layout/index.js';
import { buildLines } from './image/text.js';
import { blobCap, pruneBlobs } from './image/cap.js';
import { BUILDERS, buildWith, type Builders } from './image/builders.js';
import type { FindTargets } from './image/docker-target.js';
import { documentText, imageDocument, type ImageDocument } from './image/document.js';
import { interruptible } from './image/interruptible.js';
import { imagePlace, replaceFile } from './image/place.js';
import { PreparedLayout } from './image/prepared-layout.js';
import type { Pruned } from '../image/blobs/index.js';
import { listenTo, type BuildListener } from './image/progress.js';
import { resolveProjectImage } from './image/resolve.js';
import { fetchFrom, withImages, type ImageSession } from './image/session.js';
import { recordRun } from './image/run-record.js';
import { unseenWarning } from './image/unseen.js';
import type { CommandContext } from './context.js';
import { report, type CommandResult, type ReportOptions } from './result.js';

export interface BuildImageOptions extends ReportOptions {
  /** Copies the layers of the base image into the folder too: other tools can then read it. The digest stays. */
  readonly full?: boolean;
  /** Nx caches what this makes, and runs no other target of the project before. */
  readonly cachedAlone?: boolean;
}

export function buildImage(context: CommandContext, options: BuildImageOptions, findTargets: FindTargets, builders: Builders = BUILDERS): Promise<CommandResult> {
  return report(context, options, () => interruptible(context.output, async (signal) => {
    const began = performance.now();
    const started = new Date().toISOString();
    const cap = blobCap(context.variables);
    const image = await resolveProjectImage(context);
    const listener = listenTo(context.output);
    let begun: Promise<readonly [Pruned | undefined, object]> | undefined;
    // While the image is checked: this thread has little to do then. What the build uses is held, and is not pruned.
    const beside = (): Promise<readonly [Pruned | undefined, object]> => begun ??= Promise.all([pruneBlobs(context, cap), commitOf(context)]);
    const onAssembled = (): void => { beside().catch(() => undefined); };
    const { build: made, document } = await withImages(context, image.plainHttp, (session) => make({ context, image, builders, findTargets, session, listener, signal, full: options.full === true, onAssembled }))
      .finally(() => begun?.catch(() => undefined));
    const unseen = options.cachedAlone === true ? await unseenWarning(context, image) : undefined;
    const build = unseen === undefined ? made : { ...made, warnings: [...made.warnings, unseen] };
    const [pruned, facts] = await beside();
    context.output.end();
    const durationMs = Math.round(performance.now() - began);
    await recordRun(context, 'build', { started, durationMs, phases: listener.phases, digest: document.digest, made: build.made, warnings: build.warnings, ...facts });
    for (const warning of build.warnings) context.output.event({ type: 'note', text: warning });
    for (const line of buildLines({ project: context.projectName, document, made: build.made, durationMs, folder: imagePlace(context).layout, workspaceRoot: context.workspaceRoot })) context.output.line(line);
    return { exitCode: 0, document: { outcome: 'done', exitCode: 0, durationMs, made: build.made, warnings: build.warnings, image: document, ...(pruned === undefined ? {} : { pruned }) } };
  }), 'look');
}

interface Making {
  readonly context: CommandContext;
  readonly image: ImageOption;
  readonly builders: Builders;
  readonly findTargets: FindTargets;
  readonly session: ImageSession;
  readonly listener: BuildListener;
  readonly signal: AbortSignal;
  readonly full: boolean;
  readonly onAssembled: () => void;
}

/** The layout first, then the file that says what is in it: a reader that comes between the two sees that they differ. */
async function make(making: Making): Promise<{ readonly build: Build; readonly document: ImageDocument }> {
  const { context, session, listener, signal } = making;
  const { workspaceRoot, projectRoot, projectName, variables } = context;
  const prepared = new PreparedLayout(imagePlace(context).layout, session.store);
  const onAssembled = (build: Build): void => {
    prepared.begin(build);
    making.onAssembled();
  };
  const site: BuildSite = { workspaceRoot, projectRoot, projectName, ...session, variables, signal, onEvent: listener.onEvent, onAssembled };
  try {
    const build = await buildWith(making.builders, making.image, site, context, making.findTargets);
    signal.throwIfAborted();
    making.onAssembled();
    listener.onEvent({ type: 'phase', phase: 'write', state: 'start' });
    const document = imageDocument(await finish(prepared, build, making), build, workspaceRoot);
    await replaceFile(imagePlace(context).document, documentText(document));
    listener.onEvent({ type: 'phase', phase: 'write', state: 'done' });
    return { build, document };
  } catch (thrown) {
    await prepared.abandon(thrown);
    throw thrown;
  }
}

async function finish(prepared: PreparedLayout, build: Build, { context, session, listener, signal, full }: Making): Promise<WrittenLayout> {
  const written = await prepared.finish(build);
  if (full) await complete(await readLayout(imagePlace(context).layout), session.store, fetchFrom(session.registries, signal, (event) => listener.onEvent({ type: 'registry', event })));
  return written;
}

async function commitOf({ workspaceRoot, projectRoot, projectName }: CommandContext): Promise<object> {
  const { version, git } = await buildFacts({ workspaceRoot, projectRoot, projectName });
  return { version, ...(git === undefined ? {} : { commit: git.commit, dirty: git.dirty }) };
}
