import { resolve } from 'node:path';
import { artifactFacts, type Artifact, type ArtifactQuery } from './artifacts.js';
import { buildFacts, projectFacts, type BuildFacts, type BuildQuery } from './build-facts.js';
import { componentFacts, type Components, type GraphView } from './components/index.js';
import { allOf } from './problems.js';
import { qualityFacts, type Quality, type ReportPlaces } from './quality/index.js';
import { judge, parsePolicy, type Readiness } from './readiness/judge.js';
import { replaceFile, temporaryPrefix } from './replace-file.js';
import { runFileOf } from './run-file.js';

/** The facts that depend on files alone, and not on the commit or the machine: what Nx may cache. */
export interface InputFacts {
  readonly manifestVersion: 1;
  readonly service: string;
  readonly version: string;
  readonly components: Components;
  /** Sorted as they were named; absent when none was. */
  readonly artifacts?: readonly Artifact[];
  readonly quality: Quality;
  /** Absent without a policy. */
  readonly readiness?: Readiness;
}

/** The content of build-manifest.json; build-manifest.schema.json describes it. A fact that is not known is absent. */
export interface BuildManifest extends InputFacts, Partial<Omit<BuildFacts, 'service' | 'version'>> {
  /** The environment that the build is meant for, where it is meant for one. */
  readonly environment?: string;
}

export interface ManifestQuery extends BuildQuery {
  /** Absolute path of the manifest; it is never one of the artifacts, nor is its run file. */
  readonly outputFile: string;
  /** Files and folders that the build made. */
  readonly artifacts?: readonly ArtifactQuery[];
  readonly environment?: string;
  /** Nx's project graph; without it there are no libraries, and packages are those of package.json. */
  readonly graph?: GraphView;
  /** Folders of migrations and OpenAPI files, relative to the workspace, instead of the usual places. */
  readonly migrations?: readonly string[];
  readonly openapi?: readonly string[];
  readonly reports?: ReportPlaces;
  /** What keeps the build from being ready, such as `coverage < 90%`; see readiness/policy.ts. */
  readonly blockers?: readonly string[];
  /** `inputs` leaves out what depends on the commit and the machine. Default: `all`. */
  readonly facts?: 'all' | 'inputs';
}

/**
 * All facts of a build.
 * @throws Problems of everything that cannot be read or understood: artifacts, reports, package.json, OpenAPI files, the policy
 */
export async function buildManifest(query: ManifestQuery): Promise<BuildManifest> {
  const { environment, blockers, facts: kind = 'all' } = query;
  const rules = blockers === undefined ? undefined : parsePolicy(blockers);
  const asksGit = rules?.find((rule) => 'state' in rule);
  if (kind === 'inputs' && asksGit !== undefined) throw new Error(`blockers: "${asksGit.rule}" asks about the commit, which facts "inputs" leave out`);
  if (kind === 'inputs' && environment !== undefined) throw new Error('environment: facts "inputs" hold for every environment; leave it out');
  const workspaceRoot = resolve(query.workspaceRoot);
  const projectRoot = resolve(workspaceRoot, query.projectRoot);
  const facts: Promise<Pick<BuildFacts, 'service' | 'version'> & Partial<BuildFacts>> = kind === 'inputs' ? projectFacts(query) : buildFacts(query);
  const reading = [facts, artifactsOf(query), qualityFacts({ workspaceRoot, projectRoot, ...(query.reports === undefined ? {} : { reports: query.reports }) })] as const;
  // Also without the artifacts: what else is wrong is told too.
  const finding = reading[1].catch(() => undefined).then(async (artifacts) => componentFacts({ ...query, workspaceRoot, projectRoot, artifacts: artifacts ?? [] }));
  await allOf<unknown>([...reading, finding]);
  const [{ service, version, ...others }, artifacts, quality] = await Promise.all(reading);
  const readiness = rules === undefined ? undefined : judge(rules, { ...others, quality, ...(artifacts === undefined ? {} : { artifacts }) });
  return {
    manifestVersion: 1,
    service,
    version,
    ...others,
    ...(environment === undefined ? {} : { environment }),
    components: await finding,
    ...(artifacts === undefined ? {} : { artifacts }),
    quality,
    ...(readiness === undefined ? {} : { readiness }),
  };
}

async function artifactsOf({ outputFile, artifacts }: ManifestQuery): Promise<readonly Artifact[] | undefined> {
  const own = [resolve(outputFile), runFileOf(resolve(outputFile))];
  const isOwn = (path: string): boolean => own.some((file) => path === file || path.startsWith(temporaryPrefix(file)));
  return artifacts === undefined ? undefined : allOf(artifacts.map(async (artifact) => artifactFacts(artifact, isOwn)));
}

/** Replaces `file` in one step: a reader sees the old manifest or the new one. Creates the folder. */
export async function writeManifest(file: string, manifest: BuildManifest): Promise<void> {
  await replaceFile(file, `${JSON.stringify(manifest, null, 2)}\n`);
}
