/** Makes the package of a project: collects, writes, takes it apart again and starts the service from it. Nothing but files is made, so that Nx's cache restores all of it. */
import { buildFacts, buildManifest, missingGit, type BuildFacts, type GraphView, type ProjectGraphFacts } from 'nx-build-manifest';
import { realpath } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { quoted } from '../archive/manifest.js';
import { DeployError } from '../errors.js';
import type { BlobStore } from '../image/blobs/index.js';
import type { BuildSite } from '../image/builder.js';
import { layerTime } from '../image/layer/index.js';
import { withApplication, type Application } from '../package/application.js';
import { contentsOf, entriesOf, type Contents } from '../package/contents.js';
import { documentText, type VersionCompatibility } from '../package/documents.js';
import { ofPackage } from '../package/failures.js';
import { archiveName, MANIFEST } from '../package/layout.js';
import { openPackage } from '../package/open.js';
import { matcher } from '../package/patterns.js';
import { sizeReport, type SizeReport } from '../package/sizes.js';
import { emptyFolder, replace, withTemporary, writeArchive, type WrittenArchive } from '../package/store.js';
import type { ManifestRef, Ms } from '../model/index.js';
import type { CommandContext } from './context.js';
import { interruptible } from './image/interruptible.js';
import { replaceFile } from './image/place.js';
import { listenTo } from './image/progress.js';
import { withImages } from './image/session.js';
import { compatibilityOf } from './package/compatibility.js';
import { materialsOf } from './package/materials.js';
import { packagePlace, RECORD, recordedNames } from './package/place.js';
import { recordOf, type PackageRecord } from './package/record.js';
import { resolveProjectPackage, type ProjectPackage } from './package/resolve.js';
import { assertKeyStaysOut, signatures, signer, type Signer } from './package/signing.js';
import { smokePackage } from './package/smoke.js';
import { steps, type Steps } from './package/steps.js';
import { packageLines } from './package/text.js';
import { report, type CommandResult, type ReportOptions } from './result.js';

/** Nx's, as far as manifest and bill of materials read it. */
type Graph = GraphView & ProjectGraphFacts;

export interface PackageOptions extends ReportOptions {
  /** File of the secret key that signs it, relative to the workspace. */
  readonly key?: string;
  /** Nx's project graph. */
  readonly graph?: () => Promise<Graph>;
}

interface Made {
  readonly archive: WrittenArchive;
  readonly record: PackageRecord;
  readonly sizes: SizeReport;
  readonly healthyMs?: Ms;
  readonly warnings: readonly string[];
}

export function makePackage(context: CommandContext, options: PackageOptions): Promise<CommandResult> {
  return report(context, options, () => interruptible(context.output, async (signal) => {
    const began = performance.now();
    const started = new Date().toISOString();
    const resolved = await resolveProjectPackage(context);
    const signing = await signer(context, options.key);
    const graph = await options.graph?.();
    const timed = steps(context.output);
    const made = await withImages(context, [], (session) => inItsFolder(context, session.store, () => make({ context, resolved, signing, graph, timed, signal, site: { ...session, ...context, signal, onEvent: listenTo(context.output).onEvent } })))
      .catch((thrown: unknown) => { throw ofPackage(thrown, resolved.artifact.path); });
    context.output.end();
    const durationMs = Math.round(performance.now() - began);
    const { record, sizes, warnings, archive, healthyMs } = made;
    await replaceFile(packagePlace(context).run, documentText({ schema: 1, project: context.projectName, started, durationMs, steps: timed.took, archive: record.archive, sha256: record.sha256, healthyMs, sizes, warnings }));
    for (const warning of [...warnings, ...record.breaking.map((change) => `breaks clients of the release before: ${change}`)]) context.output.event({ type: 'note', text: warning });
    for (const line of packageLines({ project: context.projectName, record, sizes, durationMs, healthyMs, file: archive.file, workspaceRoot: context.workspaceRoot })) context.output.line(line);
    return { exitCode: 0, document: { outcome: 'done', exitCode: 0, durationMs, file: archive.file, package: record, sizes, warnings, steps: timed.took } };
  }, 'what was made before was removed, and nothing is left of this one'), 'look');
}

/** Two that made the package of one project at once would remove each other's. @throws DeployError ND-LOCKED for the second */
async function inItsFolder(context: CommandContext, store: BlobStore, work: () => Promise<Made>): Promise<Made> {
  const { folder } = packagePlace(context);
  const outcome = await store.alone(`package ${join(await realpath(context.workspaceRoot), relative(context.workspaceRoot, folder))}`, work);
  if ('done' in outcome) return outcome.done;
  const { pid, host, since } = outcome.busy;
  throw new DeployError('ND-LOCKED', {
    what: `the package of ${context.projectName} is being made by another process`, where: quoted(folder), why: `process ${pid} on ${host} is at it since ${new Date(since).toISOString()}`,
    next: 'wait until it has ended, then look at what it made',
  });
}

interface Making {
  readonly context: CommandContext;
  readonly resolved: ProjectPackage;
  readonly signing: Signer | undefined;
  readonly graph: Graph | undefined;
  readonly timed: Steps;
  readonly signal: AbortSignal;
  readonly site: BuildSite;
}

/** The folder is emptied first: when this fails, nothing old is taken for new. */
async function make(making: Making): Promise<Made> {
  const { context, resolved: { artifact, service }, timed: { step }, signal, site } = making;
  const { folder } = packagePlace(context);
  await emptyFolder(folder, service, [RECORD, ...await recordedNames(folder)]);
  const facts = { ...await buildFacts(context), service };
  const written = await withApplication(artifact, site, (work) => step('application', work), async (application) => {
    const { contents, compatibility } = await step('collect', () => collect(making, application, facts));
    signal.throwIfAborted();
    assertKeyStaysOut(contents.files, making.signing);
    const files = await step('sign', async () => [...contents.files, ...await signatures(contents.files, folder, { context, facts }, making.signing)]);
    const archive = await step('write', () => writeArchive(folder, archiveName(service, facts.version, facts.git?.commitTime), entriesOf(files), timeOf(facts, context.variables)));
    return { contents, files, archive, compatibility, warnings: application.warnings };
  });
  const { contents, files, archive, compatibility } = written;
  const unknown = facts.git === undefined ? await missingGit(context.workspaceRoot) : undefined;
  const warnings = [...written.warnings, ...unknown === undefined ? [] : [unknown]];
  try {
    const healthyMs = await validate(making, archive);
    const sizes = await step('compare', () => sizeReport({ ...context, files, sources: contents.sources, excluded: matcher(artifact.exclude), archive: archive.size, signal }));
    const record = recordOf(archive, files, facts, compatibility);
    signal.throwIfAborted();
    await replace(folder, RECORD, documentText(record));
    return { archive, record, sizes, warnings, ...(healthyMs === undefined ? {} : { healthyMs }) };
  } catch (thrown) {
    // What cannot be taken apart, does not run, or was not finished, is no package: it does not stay.
    await emptyFolder(folder, service, [RECORD]);
    throw thrown;
  }
}

async function collect({ context, resolved, graph, site }: Making, application: Application, facts: BuildFacts): Promise<{ readonly contents: Contents; readonly compatibility: VersionCompatibility }> {
  const { artifact, service, secrets } = resolved;
  const { document, files } = await compatibilityOf(context, artifact, service, facts.version);
  const { workspaceRoot, projectRoot, projectName } = context;
  const manifest = await buildManifest({ workspaceRoot, projectRoot, projectName, outputFile: join(packagePlace(context).folder, MANIFEST), ...(graph === undefined ? {} : { graph }) });
  const contents = await contentsOf(artifact, application, site, {
    service, build: manifestRef(facts), health: artifact.smoke?.path ?? '/health', secrets, compatibility: document,
    ...(facts.buildId === undefined ? {} : { buildId: facts.buildId }),
    documents: new Map<string, string | Buffer>([[MANIFEST, documentText({ ...manifest, service })], ...files, ...await materialsOf(context, artifact, graph)]),
  });
  return { contents, compatibility: document };
}

function manifestRef({ version, git }: BuildFacts): ManifestRef {
  return { version, ...(git === undefined ? {} : { commit: git.commit, dirty: git.dirty, ...(git.branch === undefined ? {} : { branch: git.branch }) }) };
}

/** Of everything in the archive, s since 1970: SOURCE_DATE_EPOCH, else the time of the commit. */
function timeOf({ git }: BuildFacts, variables: NodeJS.ProcessEnv): number {
  const time = git === undefined ? undefined : Date.parse(git.commitTime) / 1_000;
  return layerTime(variables['SOURCE_DATE_EPOCH'] || time === undefined ? variables : { SOURCE_DATE_EPOCH: String(time) });
}

/** Takes it apart again, and starts the service from it. */
async function validate({ context, resolved, timed: { step }, signal }: Making, { file }: WrittenArchive): Promise<Ms | undefined> {
  const { smoke } = resolved.artifact;
  return withTemporary(join(context.home.folder, 'packages'), async (temporary) => {
    const opened = await step('verify', () => openPackage(file, temporary, { signal }));
    return smoke === undefined ? undefined : step('start', () => smokePackage(context, opened, smoke, resolved.defaults, signal));
  });
}
