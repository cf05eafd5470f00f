/** The artifact of deploy.json as an image: the same for every environment, so that one image is built once and deployed to all of them. */
import { anyPath, workspacePath, type Complain, type Place } from './artifact-path.js';
import { pathText, type Path } from './document.js';
import type { DockerConfig, ImageConfig, OciConfig, PushConfig } from './image-schema.js';
import { invalid, type DeployFile } from './load.js';
import type { BuildSecret, DockerfileImage, ImageOption, ImageRepository, OciImage } from './resolved.js';
import { looksSecret } from './secret-names.js';

export interface ImageRequest extends Place, Pick<DeployFile, 'config'>, Partial<Pick<DeployFile, 'describe'>> {
  /** Names of variables that a schema of the project calls secret. */
  readonly secrets: readonly string[];
  /** `port` among the defaults of the workspace. */
  readonly defaultPort?: number;
  /** What is wrong with a name of an image; undefined when nothing is. The grammar is that of registries. */
  readonly badImage: (kind: 'base' | 'repository', text: string) => string | undefined;
}

/** Throws ND-CONFIG-INVALID with every problem of keys that do not go together, or when the artifact is no image. */
export function resolveImage(request: ImageRequest): ImageOption {
  const { config: { artifact }, file } = request;
  const problems: { path: Path; text: string }[] = [];
  const complain: Complain = (path, text) => void problems.push({ path, text });
  const resolved = artifact.type === 'image' ? imageOf(artifact, request, complain) : undefined;
  if (resolved === undefined) complain(['artifact', 'type'], 'must be "image", so that there is an image to build; it is "files", which deploy takes as they are');
  const say = request.describe ?? ((path, text) => `${pathText(path)}: ${text}`);
  if (resolved === undefined || problems.length > 0) throw invalid(file, problems.map(({ path, text }) => say(path, text)));
  return resolved;
}

function imageOf(artifact: ImageConfig, request: ImageRequest, complain: Complain): ImageOption {
  const shared = {
    type: 'image', platforms: artifact.platforms ?? (artifact.builder === '@nx/docker' ? [] : ['linux/amd64']), labels: artifact.labels ?? {},
    push: (artifact.push ?? []).map((each, index) => repositoryOf(each, index, request, complain)), plainHttp: artifact.plainHttp ?? [],
  } as const;
  return isOci(artifact) ? { ...shared, ...ociOf(artifact, request, complain) } : { ...shared, ...dockerOf(artifact, request, complain) };
}

/** An image without `builder` is put together here. */
export function isOci(artifact: ImageConfig): artifact is OciConfig {
  return artifact.builder === undefined || artifact.builder === 'oci';
}

type Own<Image> = Omit<Image, 'type' | 'platforms' | 'labels' | 'push' | 'plainHttp'>;

function ociOf(artifact: OciConfig, request: ImageRequest, complain: Complain): Own<OciImage> {
  const { path = 'dist', entry = 'main.js', base = 'node:22-slim', env = {}, bundle = false, dependencies } = artifact;
  if (bundle && dependencies !== undefined) complain(['artifact', 'bundle'], `must not stand beside "dependencies" (${dependencies}): one of the two says what the image holds`);
  checkSecrets('env', env, request, complain);
  const command = artifact.command ?? request.config.command;
  return {
    builder: 'oci',
    path: workspacePath(request, path, ['artifact', 'path'], complain),
    entry,
    dependencies: bundle ? 'bundle' : dependencies ?? 'bundled',
    base: baseOf(base, request, complain),
    assets: artifact.assets ?? [],
    user: artifact.user ?? '1000:1000',
    port: artifact.port ?? ((request.config.port ?? request.defaultPort) || 3000),
    env,
    ...(command === undefined ? {} : { command }),
  };
}

function baseOf(base: string, request: ImageRequest, complain: Complain): string {
  const key = ['artifact', 'base'];
  if (base.startsWith('oci:')) return `oci:${workspacePath(request, base.slice('oci:'.length), key, complain)}`;
  const problem = request.badImage('base', base);
  if (problem !== undefined) complain(key, problem);
  return base;
}

function dockerOf(artifact: DockerConfig, request: ImageRequest, complain: Complain): Own<DockerfileImage> {
  const { builder, secrets = [], cacheFrom = [], cacheTo = [] } = artifact;
  const { dockerfile = 'Dockerfile', context = '.', target, args = {}, engine = 'docker' } = artifact.builder === 'docker' ? artifact : {};
  checkSecrets('args', args, request, complain);
  const ids = secrets.map(({ id }) => id);
  ids.forEach((id, index) => {
    if (ids.indexOf(id) !== index) complain(['artifact', 'secrets', index, 'id'], `must differ from artifact.secrets[${ids.indexOf(id)}].id`);
  });
  return {
    builder, engine, cacheFrom, cacheTo, args,
    dockerfile: workspacePath(request, dockerfile, ['artifact', 'dockerfile'], complain),
    context: workspacePath(request, context, ['artifact', 'context'], complain),
    ...(target === undefined ? {} : { target }),
    secrets: secrets.map(({ id, env, file }): BuildSecret => (env === undefined ? { id, file: anyPath(request, file ?? '') } : { id, env })),
  };
}

function repositoryOf(given: PushConfig, index: number, request: ImageRequest, complain: Complain): ImageRepository {
  const { repository, tags = ['{hash}'] } = typeof given === 'string' ? { repository: given } : given;
  const problem = request.badImage('repository', repository);
  if (problem !== undefined) complain(['artifact', 'push', index, ...(typeof given === 'string' ? [] : ['repository'])], problem);
  return { repository, tags };
}

/** What stands in deploy.json is in the repository too: it is no secret any more, and the image would show it to even more people. */
function checkSecrets(key: 'env' | 'args', values: Readonly<Record<string, string>>, { secrets }: ImageRequest, complain: Complain): void {
  const instead = key === 'env' ? 'give it to the instances by environments/<name>.env' : 'mount it by "secrets"';
  for (const name of Object.keys(values)) {
    if (secrets.includes(name)) complain(['artifact', key, name], `must not stand here: env.schema.json calls it secret, and everybody who has the image could read it; ${instead}`);
    else if (looksSecret(name)) complain(['artifact', key, name], `must not stand here: it looks like a secret, and everybody who has the image could read it; ${instead}, or give it another name if it is none`);
  }
}
