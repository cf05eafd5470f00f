/** What a way of building cannot do is refused before anything is built, never left out silently. */
import { quoted } from '../../registry/plain.js';
import type { Detected } from './detect.js';
import { unsupportedBuild } from './failures.js';
import type { Prepared } from './request.js';

const INLINE = 'type=inline';
const NAMES = { buildx: 'buildx', buildkit: 'BuildKit of this client', classic: 'the classic builder', podman: 'podman' } as const;

/** @throws DeployError ND-ENGINE-UNSUPPORTED with every problem at once. */
export function assertAble({ method, platform }: Detected, prepared: Prepared): void {
  const { builder } = method;
  const problems = problemsOf(builder, platform, prepared);
  if (problems.length === 0) return;
  throw unsupportedBuild(problems, builder === 'podman' ? 'take that out, or build with docker and its buildx plugin' : 'install the docker plugin buildx (docker-buildx-plugin), or take that out');
}

function problemsOf(builder: Detected['method']['builder'], own: string, { options, secrets }: Prepared): string[] {
  const { platforms, cacheFrom, cacheTo } = options;
  if (builder === 'buildx') return [];
  const it = NAMES[builder];
  const typed = cacheFrom.filter((from) => from.includes('=')).map((from) => `cacheFrom: ${it} takes names of images, not ${quoted(from)}`);
  if (builder === 'podman') {
    return [
      ...typed,
      ...cacheTo.filter((to) => to.includes('=')).map((to) => `cacheTo: ${it} takes a repository, not ${quoted(to)}`),
      ...secrets.filter((secret) => 'file' in secret && secret.file.includes(',')).map(({ id }) => `secrets: ${it} cannot take the file of ${quoted(id)}, as its path holds a comma`),
    ];
  }
  if (builder === 'buildkit') return [...typed, ...cacheTo.filter((to) => to !== INLINE).map((to) => `cacheTo: ${it} knows only "${INLINE}", not ${quoted(to)}`)];
  return [
    ...typed,
    ...(cacheTo.length === 0 ? [] : [`cacheTo: ${it} cannot write a cache`]),
    ...(secrets.length === 0 ? [] : [`secrets: ${it} cannot mount any, and an argument would stay in the image`]),
    ...platforms.filter((platform) => platform !== own).map((platform) => `platforms: ${it} builds for ${own} alone, not for ${quoted(platform)}`),
  ];
}
