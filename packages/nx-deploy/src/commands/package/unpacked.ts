/** A package on its way to a target: found, taken apart, checked by what the environment asks for, and filled in with its values. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, join, posix, relative, sep } from 'node:path';
import { policyProblems, verifyPackage, type VerificationPolicy, type Verdicts } from 'nx-build-manifest';
import type { CollectedFile, CollectedFiles } from '../../archive/index.js';
import { assertSafe, manifestDigest, sorted, type ManifestLink } from '../../archive/manifest.js';
import type { ResolvedEnvironment, VerifyOption } from '../../config/index.js';
import { DeployError, errorCode } from '../../errors.js';
import type { ManifestRef } from '../../model/index.js';
import { APPLICATION, TEMPLATE } from '../../package/layout.js';
import { openPackage, placeLinks, type OpenPackage } from '../../package/open.js';
import { withTemporary } from '../../package/store.js';
import { renderTemplates } from '../../package/templates.js';
import type { ConfigValues } from '../../releases/index.js';
import type { CommandContext } from '../context.js';
import { assertFits, misfits } from './compatibility.js';
import { askServices } from './required-services.js';

export interface UnpackedPackage {
  /** What runs, as `local` stores it. */
  readonly collected: CollectedFiles;
  readonly manifest: ManifestRef;
}

/**
 * Calls `use` while the files are there. Nothing of the target is touched before everything that is asked of the package was found to be so.
 * @throws DeployError ND-PACKAGE-INVALID, ND-PACKAGE-REFUSED, ND-PACKAGE-INCOMPATIBLE, ND-PACKAGE-TEMPLATE
 */
export async function withPackage<T>(context: CommandContext, resolved: ResolvedEnvironment, archive: string, config: ConfigValues, use: (unpacked: UnpackedPackage) => Promise<T>): Promise<T> {
  return withTemporary(join(context.home.folder, 'packages'), async (folder) => {
    const opened = await openPackage(archive, folder);
    assertService(opened, resolved, archive);
    await verify(context, opened, resolved, archive);
    const { found, problems } = await askServices(context, resolved, opened.compatibility.services, config);
    assertFits([...misfits(opened), ...problems], archive);
    tell(context, opened, archive, found);
    return use({ collected: await collected(opened, config, resolved.environment, archive), manifest: manifestOf(opened) });
  });
}

function manifestOf({ info: { build: { version, commit, branch, dirty } } }: OpenPackage): ManifestRef {
  return { version, ...(commit === undefined ? {} : { commit }), ...(branch === undefined ? {} : { branch }), ...(dirty === undefined ? {} : { dirty }) };
}

function assertService({ info }: OpenPackage, { service, file }: ResolvedEnvironment, archive: string): void {
  if (info.service === service) return;
  throw new DeployError('ND-PACKAGE-REFUSED', { what: `the package is one of ${JSON.stringify(info.service)}, not of ${service}`, where: JSON.stringify(archive), next: `name a package of ${service} with --package, or correct "service" in ${file}` });
}

function tell({ output, workspaceRoot }: CommandContext, { info, compatibility, digestFile }: OpenPackage, archive: string, services: readonly string[]): void {
  const note = (text: string): void => output.event({ type: 'note', text });
  note(`package ${info.buildId ?? `${info.service} ${info.build.version}`} from ${JSON.stringify(relative(workspaceRoot, archive))}: every digest is right`);
  if (!digestFile) note(`there is no ${JSON.stringify(`${basename(archive)}.sha256`)} beside the package to compare the archive as a whole with`);
  for (const service of services) note(`what it needs is there: ${service}`);
  for (const change of compatibility.api?.breaking ?? []) note(`breaks clients of the release before: ${change}`);
}

/** What the environment asks of the package. */
async function verify(context: CommandContext, opened: OpenPackage, { verify: option, file }: ResolvedEnvironment, archive: string): Promise<void> {
  if (option.mode === 'off') return;
  const policy = await policyOf(option, file, context.workspaceRoot);
  await placeLinks(opened);
  const { accepted, rules }: Verdicts = await verifyPackage({ folder: opened.folder, policy });
  for (const { rule, outcome, detail } of rules) {
    if (outcome === 'passed') context.output.event({ type: 'note', text: `${rule}: ${detail}` });
    if (outcome === 'warned') context.output.event({ type: 'note', text: `warning: ${rule}: ${detail}` });
  }
  if (accepted) return;
  throw new DeployError('ND-PACKAGE-REFUSED', {
    what: 'the package is not what this environment asks for', where: JSON.stringify(archive),
    problems: rules.filter(({ outcome }) => outcome === 'failed').flatMap(({ rule, findings }) => findings.map(({ file: of, problem }) => `${rule}: ${of === undefined ? '' : `${of}: `}${problem}`)),
    next: `deploy a package that was signed by a key of "verify" in ${file}; nothing was changed`,
  });
}

async function policyOf({ mode, keys, identities, provenance, requireSbom }: VerifyOption, file: string, workspaceRoot: string): Promise<VerificationPolicy> {
  const trusted = await Promise.all(keys.map(async (key) => ({ name: namesOf(keys, key, workspaceRoot), publicKey: await readFile(key, 'utf8').catch((thrown: unknown) => { throw badPolicy(file, [`verify.keys: ${JSON.stringify(key)} cannot be read (${errorCode(thrown) ?? 'unknown'})`]); }) })));
  const policy: VerificationPolicy = { mode, keys: trusted, identities: identities.map((builder) => ({ builder })), provenance, requireSbom };
  const problems = policyProblems(policy, 'verify');
  if (problems.length > 0) throw badPolicy(file, problems);
  return policy;
}

/** Short, unless two keys have the same name in different folders. */
function namesOf(keys: readonly string[], key: string, workspaceRoot: string): string {
  const name = basename(key);
  return keys.filter((other) => basename(other) === name).length === 1 ? name : relative(workspaceRoot, key).split(sep).join('/');
}

function badPolicy(where: string, problems: readonly string[]): DeployError {
  return new DeployError('ND-CONFIG-INVALID', { what: 'packages cannot be verified as it is asked for', where, problems, next: 'correct "verify" in deploy.json, or the files of the keys' });
}

/** application/ with its templates filled in; what runs is the same for the same package and the same values. */
async function collected({ folder, files, links: all, info }: OpenPackage, config: ConfigValues, environment: string, archive: string): Promise<CollectedFiles> {
  const templates = await Promise.all(info.templates.map(async ({ path }) => ({ path, text: await readFile(join(folder, path), 'utf8') })));
  const texts = renderTemplates(templates, { values: config.values, secrets: [...new Set([...config.secrets, ...info.secrets])] }, environment);
  const filledIn = new Map(templates.map(({ path }, index) => [path, Buffer.from(texts[index] ?? '')]));
  const inside = (path: string): string => posix.relative(APPLICATION, path);
  const own = files.filter(({ path }) => path.startsWith(`${APPLICATION}/`)).map(({ path, size, sha256, executable }): CollectedFile => {
    const text = filledIn.get(path);
    const mode = executable ? 0o755 : 0o644;
    if (text === undefined) return { path: inside(path), source: join(folder, path), mode, size, sha256 };
    return { path: inside(path.slice(0, -TEMPLATE.length)), source: text, mode, size: text.length, sha256: createHash('sha256').update(text).digest('hex') };
  });
  const links = all.filter(({ path }) => path.startsWith(`${APPLICATION}/`)).map(({ path, target }): ManifestLink => ({ path: inside(path), link: target }));
  const entries = sorted<CollectedFile | ManifestLink>([...own, ...links]);
  assertSafe(entries, archive);
  return { files: entries, entry: info.entry, cwd: inside(info.workingDirectory) || '.', digest: manifestDigest(entries), bytes: own.reduce((sum, { size }) => sum + size, 0), count: entries.length, warnings: [] };
}
