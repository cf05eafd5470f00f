/** Which engine is there, and how it builds. */
import type { DockerfileImage } from '../../../config/resolved.js';
import type { Ms } from '../../../model/index.js';
import { quoted } from '../../registry/plain.js';
import { buildxInspect, buildxVersion, dockerVersion, podmanVersion, type Method } from './commands.js';
import { unreachableEngine, unsupportedBuild } from './failures.js';
import { runProgram } from './program.js';

export interface Detected {
  readonly method: Method;
  /** What the engine runs on: `linux/amd64`. */
  readonly platform: string;
  /** Why it is the classic builder although another one would do more. */
  readonly note?: string;
}

interface Place {
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

const ANSWER_MS: Ms = 30_000;
/** Of the API of Docker 18.09, 1.39. */
const OLDEST_API = 39;
/** From it on the client has no BuildKit of its own. */
const SPLIT = 23;

/** `choice`: the user's DOCKER_BUILDKIT, where `0` asks for the classic builder. @throws DeployError ND-ENGINE-MISSING, -UNREACHABLE, -UNSUPPORTED */
export async function detect(program: DockerfileImage['engine'], choice: string | undefined, place: Place): Promise<Detected> {
  return program === 'podman' ? detectPodman(place) : detectDocker(choice, place);
}

async function detectPodman(place: Place): Promise<Detected> {
  const { exitCode, document, said } = await askJson(podmanVersion, place);
  const client = fields(fields(document)['Server'] ?? fields(document)['Client']);
  if (exitCode !== 0 || document === undefined) throw unreachableEngine('podman', said);
  const version = text(client['Version']);
  if (major(version) < 4) throw unsupportedBuild([`podman ${quoted(version)} is older than 4.0`], 'install a newer podman');
  return { method: { program: 'podman', builder: 'podman' }, platform: text(client['OsArch']) };
}

async function detectDocker(choice: string | undefined, place: Place): Promise<Detected> {
  const { document, said } = await askJson(dockerVersion, place);
  const client = fields(fields(document)['Client']);
  const server = fields(fields(document)['Server']);
  if (server['Version'] === undefined) throw unreachableEngine('docker', said);
  const [version, os] = [text(server['Version']), text(server['Os'])];
  const problems = [
    ...(Number(text(server['ApiVersion']).split('.')[1]) >= OLDEST_API ? [] : [`the engine ${quoted(version)} is older than 18.09`]),
    ...(os === 'linux' ? [] : [`the engine makes images for ${quoted(os)}, not for Linux`]),
  ];
  if (problems.length > 0) throw unsupportedBuild(problems, 'use a newer engine for Linux images');
  const platform = `${os}/${text(server['Arch'])}`;
  if (choice === '0') return { method: { program: 'docker', builder: 'classic' }, platform };
  if ((await runProgram(buildxVersion, { ...place, timeout: ANSWER_MS })).exitCode === 0) return { method: { program: 'docker', builder: 'buildx', exports: await buildsApart(place) }, platform };
  if (major(text(client['Version'])) < SPLIT) return { method: { program: 'docker', builder: 'buildkit' }, platform };
  return { method: { program: 'docker', builder: 'classic' }, platform, note: 'this docker client has no buildx plugin, so the classic builder is used, which knows neither secrets nor cache mounts' };
}

/** Does the current builder of buildx keep images for itself, in a container or elsewhere? */
async function buildsApart(place: Place): Promise<boolean> {
  let driver: string | undefined;
  const onLine = (line: string): void => { driver ??= /^Driver:\s+(\S+)/.exec(line)?.[1]; };
  const { exitCode, lines } = await runProgram(buildxInspect, { ...place, timeout: ANSWER_MS, onLine });
  if (exitCode !== 0 || driver === undefined) throw unreachableEngine('docker buildx', lines.join(' '));
  return driver !== 'docker';
}

/** The JSON of a command's output, however many lines it has, and the other lines: what went wrong. */
async function askJson(argv: readonly string[], place: Place): Promise<{ readonly exitCode: number | undefined; readonly document: unknown; readonly said: string }> {
  const lines: string[] = [];
  const { exitCode } = await runProgram(argv, { ...place, timeout: ANSWER_MS, onLine: (line) => lines.push(line) });
  const one = lines.find((line) => line.startsWith('{') && line.endsWith('}'));
  const others = lines.filter((line) => line !== one);
  try {
    return { exitCode, document: JSON.parse(one ?? lines.join('\n')) as unknown, said: others.join(' ') };
  } catch {
    return { exitCode, document: undefined, said: others.join(' ') };
  }
}

function fields(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? value as Readonly<Record<string, unknown>> : {};
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function major(version: string): number {
  return Number(/^(\d+)\./.exec(version)?.[1] ?? 0);
}
