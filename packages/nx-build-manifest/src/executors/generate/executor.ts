import type { ExecutorContext } from '@nx/devkit';
import { buildManifest, writeManifest, type BuildManifest, type ManifestQuery } from '../../manifest.js';
import { printable } from '../../printable.js';
import { problemsOf } from '../../problems.js';
import { QUALITIES, type ReportPlaces } from '../../quality/index.js';
import { tellMissingGit } from '../missing-git.js';
import { defaultManifest, pathInWorkspace, placeOf, shown, type ProjectPlace } from '../paths.js';

export interface GenerateOptions {
  /** Relative to the workspace; so are all paths here. */
  readonly outputFile?: string;
  readonly artifacts?: readonly string[];
  readonly environment?: string;
  readonly migrations?: readonly string[];
  readonly openapi?: readonly string[];
  readonly reports?: ReportPlaces;
  readonly blockers?: readonly string[];
  readonly failWhenBlocked?: boolean;
  readonly facts?: 'all' | 'inputs';
}

export type GenerateContext = Pick<ExecutorContext, 'root' | 'projectName' | 'projectsConfigurations'> & Partial<Pick<ExecutorContext, 'projectGraph' | 'target'>>;

function summary(manifest: BuildManifest): string {
  const { service, version, git, artifacts } = manifest;
  const commit = git === undefined ? 'no commit' : `commit ${git.shortCommit}${git.dirty ? ' with changes' : ''}`;
  const files = (artifacts ?? []).reduce((sum, artifact) => sum + (artifact.files?.length ?? 1), 0);
  const bytes = (artifacts ?? []).reduce((sum, artifact) => sum + artifact.bytes, 0);
  return `${service} ${version}, ${commit}${artifacts === undefined ? '' : `, ${files} files, ${bytes} bytes`}`;
}

/** Nx would restore yesterday's commit from its cache, since it hashes none. */
function refuseStale(options: GenerateOptions, context: GenerateContext): void {
  if (context.target?.cache === true && options.facts !== 'inputs') {
    throw new Error('the target is cached, but the commit is no input that Nx hashes, so that a restored manifest would tell an old one; set "cache": false, or the option "facts": "inputs"');
  }
}

function queryOf(options: GenerateOptions, context: GenerateContext, place: ProjectPlace): ManifestQuery {
  const { artifacts, environment, migrations, openapi, reports, blockers, facts } = options;
  const within = (option: string, paths: readonly string[] | undefined): string[] | undefined => paths?.map((path) => shown(pathInWorkspace(option, path, place), place));
  const [folders, files] = [within('migrations', migrations), within('openapi', openapi)];
  const named = QUALITIES.flatMap((kind) => {
    const places = within(`reports.${kind}`, reports?.[kind]);
    return places === undefined ? [] : [[kind, places] as const];
  });
  return {
    workspaceRoot: place.root,
    projectRoot: place.projectRoot,
    projectName: place.projectName,
    outputFile: pathInWorkspace('outputFile', options.outputFile ?? defaultManifest(place), place),
    reports: Object.fromEntries(named),
    ...(artifacts === undefined ? {} : { artifacts: artifacts.map((path) => pathInWorkspace('artifacts', path, place)).map((location) => ({ location, path: shown(location, place) })) }),
    ...(environment === undefined ? {} : { environment }),
    ...(context.projectGraph === undefined ? {} : { graph: context.projectGraph }),
    ...(folders === undefined ? {} : { migrations: folders }),
    ...(files === undefined ? {} : { openapi: files }),
    ...(blockers === undefined ? {} : { blockers }),
    ...(facts === undefined ? {} : { facts }),
  };
}

function blockerLines({ readiness }: BuildManifest): readonly string[] {
  const blocking = readiness?.rules.filter(({ blocks }) => blocks) ?? [];
  return blocking.map(({ rule, found }) => `not ready: ${printable(rule)} (${printable(found)})\n`);
}

/** Executor `nx-build-manifest:generate`: writes the manifest, or fails and says why, one line for each problem. */
export default async function generate(options: GenerateOptions, context: GenerateContext): Promise<{ success: boolean }> {
  const place = placeOf(context);
  try {
    refuseStale(options, context);
    const query = queryOf(options, context, place);
    const manifest = await buildManifest(query);
    if (query.facts !== 'inputs') await tellMissingGit(place.root);
    await writeManifest(query.outputFile, manifest);
    process.stdout.write(`wrote ${printable(shown(query.outputFile, place))}: ${printable(summary(manifest))}\n`);
    for (const line of blockerLines(manifest)) process.stdout.write(line);
    return { success: options.failWhenBlocked !== true || manifest.readiness?.ready !== false };
  } catch (error) {
    for (const problem of problemsOf(error)) process.stdout.write(`error: no build manifest: ${printable(problem, 500)}\n`);
    return { success: false };
  }
}
