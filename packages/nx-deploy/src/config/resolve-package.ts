/** The artifact of deploy.json as a package: the same for every environment, so that one package is made once and deployed to all of them. Files and images can be packed too. */
import { workspacePath, type Complain, type Place } from './artifact-path.js';
import { pathText, type Path } from './document.js';
import type { ArtifactConfig, OciConfig, PackageConfig } from './image-schema.js';
import { invalid, type DeployFile } from './load.js';
import { PACKAGE_PATTERNS, type VerifyConfig } from './package-schema.js';
import type { PackageArtifact, VerifyOption } from './resolved.js';
import { isOci } from './resolve-image.js';
import { looksSecret } from './secret-names.js';
import { parseDuration } from '../model/index.js';

export interface PackageRequest extends Place, Pick<DeployFile, 'config'>, Partial<Pick<DeployFile, 'describe'>> {
  /** Names of variables that a schema of the project calls secret. */
  readonly secrets: readonly string[];
  /** `health.path` among the defaults of the workspace. */
  readonly defaultHealthPath?: string;
}

/** Throws ND-CONFIG-INVALID with every problem of keys that do not go together, or when an engine makes an image of it. */
export function resolvePackage(request: PackageRequest): PackageArtifact {
  const { config: { artifact }, file } = request;
  const problems: { path: Path; text: string }[] = [];
  const complain: Complain = (path, text) => void problems.push({ path, text });
  const packed = packable(artifact);
  const resolved = packed === undefined ? undefined : packageOf(packed, request, complain);
  if (resolved === undefined) complain(['artifact', 'builder'], 'must not be an engine, so that there is a package to make: it holds the files of a build, and an engine makes an image of them');
  const say = request.describe ?? ((path, text) => `${pathText(path)}: ${text}`);
  if (resolved === undefined || problems.length > 0) throw invalid(file, problems.map(({ path, text }) => say(path, text)));
  return resolved;
}

/** What says which files run, and for a package all else. */
function packable(artifact: ArtifactConfig): PackageConfig | undefined {
  if (artifact.type === 'package') return artifact;
  if (artifact.type === 'image' && !isOci(artifact)) return undefined;
  const { path, entry, dependencies } = artifact;
  const { bundle, assets }: Partial<Pick<OciConfig, 'bundle' | 'assets'>> = artifact.type === 'image' ? artifact : {};
  return {
    type: 'package', ...(path === undefined ? {} : { path }), ...(entry === undefined ? {} : { entry }), ...(dependencies === undefined ? {} : { dependencies }),
    ...(bundle === true ? { bundle, ...(assets === undefined ? {} : { assets }) } : {}),
  };
}

function packageOf(artifact: PackageConfig, request: PackageRequest, complain: Complain): PackageArtifact {
  const { path = 'dist', entry = 'main.js', bundle = false, dependencies, assets = [], exclude = [], templates = [] } = artifact;
  if (bundle && dependencies !== undefined) complain(['artifact', 'bundle'], `must not stand beside "dependencies" (${dependencies}): one of the two says what the package holds`);
  if (assets.length > 0 && !bundle) complain(['artifact', 'assets'], 'must stand beside "bundle": without it all of the output is taken along');
  const { api, smoke, requires } = resolvedParts(artifact, request, complain);
  return {
    type: 'package', path: workspacePath(request, path, ['artifact', 'path'], complain), entry, dependencies: bundle ? 'bundle' : dependencies ?? 'bundled', assets, templates, exclude, requires,
    folders: { scripts: artifact.scripts ?? PACKAGE_PATTERNS.scripts, docs: artifact.docs ?? PACKAGE_PATTERNS.docs, tests: artifact.tests ?? PACKAGE_PATTERNS.tests },
    command: request.config.command ?? ['node', entry],
    ...(artifact.sbom === undefined ? {} : { sbom: artifact.sbom }), ...(api === undefined ? {} : { api }), ...(smoke === undefined ? {} : { smoke }),
  };
}

function resolvedParts({ api, smoke, requires }: PackageConfig, request: PackageRequest, complain: Complain): Pick<PackageArtifact, 'api' | 'smoke' | 'requires'> {
  const at = (key: 'document' | 'previous', spelled: string): string => workspacePath(request, spelled, ['artifact', 'api', key], complain);
  const { env = {}, timeout = '20s' } = smoke === false || smoke === undefined ? {} : smoke;
  for (const name of Object.keys(env)) {
    if (request.secrets.includes(name) || looksSecret(name)) complain(['artifact', 'smoke', 'env', name], 'must not stand here: it is, or looks like, a secret, and everybody who has the repository could read it');
  }
  return {
    requires: { services: (requires?.services ?? []).map(({ name, version, at: where }) => ({ name, ...(version === undefined ? {} : { version }), ...(where === undefined ? {} : { at: where }) })), ...(requires?.node === undefined ? {} : { node: requires.node }) },
    ...(api === undefined ? {} : { api: { document: at('document', api.document), ...(api.previous === undefined ? {} : { previous: at('previous', api.previous) }) } }),
    ...(smoke === false ? {} : { smoke: { env, timeout: parseDuration(timeout) ?? 0, path: request.config.health?.path ?? request.defaultHealthPath ?? '/health' } }),
  };
}

/** Without `verify` no signature is asked for; the digests of a package are checked all the same. */
export function verifyOf(given: VerifyConfig | undefined, place: Place, complain: Complain): VerifyOption {
  if (given === undefined) return { mode: 'off', keys: [], identities: [], provenance: false, requireSbom: false };
  const { mode = 'enforce', keys = [], identities = [], provenance = false, requireSbom = false } = given;
  if (mode !== 'off' && keys.length === 0 && !requireSbom) complain(['keys'], 'must name at least one public key, as a signature of anybody would do otherwise; or set "mode" to "off"');
  return { mode, keys: keys.map((key, index) => workspacePath(place, key, ['keys', index], complain)), identities, provenance, requireSbom };
}
