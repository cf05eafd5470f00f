/** The command lines of docker and podman, as pure functions. Every value is joined to its flag by `=`, so that none can be taken for a flag. */
import type { Prepared, PreparedSecret } from './request.js';

/**
 * buildx: the plugin. buildkit: a client before 23, which has BuildKit built in. classic: the engine's own builder of before.
 * `exports`: builders of buildx that run apart from the engine write an archive themselves.
 */
export type Method =
  | { readonly program: 'docker'; readonly builder: 'buildx'; readonly exports: boolean }
  | { readonly program: 'docker'; readonly builder: 'buildkit' | 'classic' }
  | { readonly program: 'podman'; readonly builder: 'podman' };

/** Where the program writes to; absolute, in a folder of our own. */
export interface Outputs {
  /** Gets the id of the image. */
  readonly idFile: string;
  readonly archive: string;
}

export const dockerVersion = ['docker', 'version', '--format', '{{json .}}'] as const;
export const podmanVersion = ['podman', 'version', '--format', 'json'] as const;
export const buildxVersion = ['docker', 'buildx', 'version'] as const;
export const buildxInspect = ['docker', 'buildx', 'inspect'] as const;

/** Builds for one platform. No tag: what was built is known by its id. */
export function buildCommand(method: Method, { options, secrets }: Prepared, platform: string, { idFile, archive }: Outputs): readonly string[] {
  const { dockerfile, context, target, args, cacheFrom, cacheTo } = options;
  const common = [
    // Podman takes a list there, in a line of CSV.
    `--file=${method.builder === 'podman' ? field(dockerfile) : dockerfile}`,
    ...(target === undefined ? [] : [`--target=${target}`]),
    ...Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `--build-arg=${name}=${value}`),
    ...cacheFrom.map((from) => `--cache-from=${from}`),
  ];
  const id = `--iidfile=${idFile}`;
  const where = ['--', context];
  const mounted = secrets.map((secret) => `--secret=${secretFlag(secret)}`);
  const written = cacheTo.map((to) => `--cache-to=${to}`);
  switch (method.builder) {
    case 'classic':
      // Without it the container of a line that failed stays.
      return ['docker', 'build', '--force-rm', id, ...common, ...where];
    case 'buildkit':
      return ['docker', 'build', '--progress=plain', id, `--platform=${platform}`, ...common, ...(cacheTo.length > 0 ? ['--build-arg=BUILDKIT_INLINE_CACHE=1'] : []), ...mounted, ...where];
    case 'buildx':
      return ['docker', 'buildx', 'build', '--progress=plain', ...(method.exports ? [`--output=type=oci,${field(`dest=${archive}`)}`] : ['--load', id]), `--platform=${platform}`, ...common, ...written, ...mounted, ...where];
    case 'podman':
      // Docker's format has HEALTHCHECK, that of OCI has not.
      return ['podman', 'build', '--format=docker', id, `--platform=${platform}`, ...common, ...written, ...mounted, ...where];
  }
}

export function saveCommand(program: Method['program'], id: string, archive: string): readonly string[] {
  return program === 'docker' ? ['docker', 'save', `--output=${archive}`, id] : ['podman', 'save', '--quiet', '--format=docker-archive', `--output=${archive}`, id];
}

function secretFlag(secret: PreparedSecret): string {
  return 'env' in secret ? `id=${secret.id},env=${secret.env}` : `id=${secret.id},${field(`src=${secret.file}`)}`;
}

/** The flags are read as lines of CSV (RFC 4180). */
function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** What the client is told by variables. `time`: s since 1970, which BuildKit then gives to what it writes. */
export function methodVariables({ builder }: Method, time: number): Record<string, string> {
  if (builder === 'podman') return {};
  if (builder === 'buildx') return { BUILDX_NO_DEFAULT_ATTESTATIONS: '1', SOURCE_DATE_EPOCH: String(time) };
  return { DOCKER_BUILDKIT: builder === 'buildkit' ? '1' : '0' };
}
