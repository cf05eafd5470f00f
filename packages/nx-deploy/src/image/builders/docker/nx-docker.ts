/**
 * What the target `docker:build` of @nx/docker says, as a Dockerfile to build: its arguments stay the one truth. The target is `nx:run-commands` with the command `docker build .`
 * (plugins/plugin of @nx/docker 23), to which Nx adds `args` and every option that it does not know itself, as `--name=value`.
 */
import { resolve } from 'node:path';
import type { BuildSecret, DockerfileImage } from '../../../config/resolved.js';
import { quoted } from '../../registry/plain.js';
import { invalidRequest } from './failures.js';

/** As it stands in the project graph, with the chosen configuration merged into the options. */
export interface NxDockerTarget {
  readonly command?: string;
  readonly options?: Readonly<Record<string, unknown>>;
}

export interface NxDockerRequest extends Pick<DockerfileImage, 'dockerfile' | 'context' | 'args' | 'secrets' | 'cacheFrom' | 'cacheTo' | 'labels' | 'engine'> {
  readonly target?: string;
  /** Undefined: the target names none. */
  readonly platforms?: readonly string[];
  /** References of `--tag`, as they stand there. */
  readonly tags: readonly string[];
}

const COMMAND = /^(docker|podman)\s+(?:buildx\s+|image\s+)?build\s+(\S+)(?:\s+\{args\})?$/;
/** Options of nx:run-commands that do not change what is built. */
const SILENT = new Set(['color', 'forwardAllArgs', 'readyWhen', 'tty', 'streamOutput', 'verbose', '__unparsed__', 'parallel', 'usePty']);
/** Flags that say how a build is shown, or what it leaves in the engine: the image is the same. */
const IGNORED = new Set(['quiet', 'q', 'progress', 'rm', 'force-rm', 'load']);
const SHORT: Readonly<Record<string, string>> = { t: 'tag', f: 'file' };

/** @param variables the command's own environment, for `--build-arg NAME` without a value @throws DeployError ND-OPTION-INVALID that names everything that is not understood */
export function fromNxDocker(target: NxDockerTarget, workspaceRoot: string, variables: NodeJS.ProcessEnv): NxDockerRequest {
  const { options = {} } = target;
  const [, program, place = '.'] = COMMAND.exec((target.command ?? text(options['command']) ?? '').trim()) ?? [];
  const problems: string[] = program === undefined ? ['command: it is not "docker build <folder>"'] : [];
  const own = typeof options['env'] === 'object' && options['env'] !== null ? options['env'] as Readonly<Record<string, string>> : {};
  const context = resolve(workspaceRoot, text(options['cwd']) ?? '.', place);
  const flags = [...flagsOf(wordsOf(options['args'], problems), problems), ...extraFlags(options, problems)];
  const all = (name: string): string[] => flags.filter((flag) => flag.name === name).map(({ value }) => value);
  const last = (name: string): string | undefined => all(name).at(-1);
  const cwd = resolve(workspaceRoot, text(options['cwd']) ?? '.');
  const from = { ...variables, ...own };
  const stage = last('target');
  const platforms = all('platform').flatMap((value) => value.split(','));
  const known = new Set(['tag', 'file', 'build-arg', 'target', 'secret', 'cache-from', 'cache-to', 'label', 'platform', ...IGNORED]);
  problems.push(...flags.filter(({ name }) => !known.has(name)).map(({ name }) => `args: ${quoted(`--${name}`)} is not understood`));
  const request: NxDockerRequest = {
    engine: program === 'podman' ? 'podman' : 'docker', context, dockerfile: resolve(cwd, last('file') ?? resolve(context, 'Dockerfile')), tags: all('tag'),
    args: Object.fromEntries(all('build-arg').flatMap((pair) => assignment(pair, 'build-arg', from, problems))),
    labels: Object.fromEntries(all('label').flatMap((pair) => assignment(pair, 'label', undefined, problems))),
    secrets: all('secret').flatMap((flag) => secretOf(flag, cwd, problems)), cacheFrom: all('cache-from'), cacheTo: all('cache-to'),
    ...(stage === undefined ? {} : { target: stage }), ...(platforms.length === 0 ? {} : { platforms }),
  };
  if (problems.length > 0) throw invalidRequest(problems.map((problem) => `docker:build: ${problem}`));
  return request;
}

interface Flag {
  readonly name: string;
  readonly value: string;
}

const VALUELESS = new Set(['quiet', 'q', 'rm', 'force-rm', 'load', 'pull', 'no-cache', 'push']);

function flagsOf(words: readonly string[], problems: string[]): Flag[] {
  const flags: Flag[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? '';
    const [, dashes = '', given = '', joined] = /^(--?)([a-z][a-z-]*)(?:=([^]*))?$/.exec(word) ?? [];
    const name = dashes === '-' ? SHORT[given] ?? given : given;
    if (given === '') problems.push(`args: ${quoted(word)} is not understood`);
    else if (joined !== undefined || VALUELESS.has(name)) flags.push({ name, value: joined ?? 'true' });
    else if (at + 1 === words.length) problems.push(`args: ${quoted(word)} has no value`);
    else flags.push({ name, value: words[at += 1] ?? '' });
  }
  return flags;
}

/** A shell would read them: its quotes are understood, what it would put in is not. */
function wordsOf(args: unknown, problems: string[]): string[] {
  if (args === undefined) return [];
  const parts = Array.isArray(args) ? args as readonly unknown[] : [args];
  if (!parts.every((part) => typeof part === 'string')) problems.push('args: it is no text and no list of texts');
  const line = parts.map(String).join(' ');
  const words: string[] = [];
  const token = /\s*((?:'[^']*'|"(?:[^"\\$`]|\\["\\$`])*"|\\.|[^\s'"\\$`;|&<>()*?!#~[\]{}])+)(?=\s|$)/y;
  while (line.slice(token.lastIndex).trim() !== '') {
    const start = token.lastIndex;
    const found = token.exec(line)?.[1];
    if (found === undefined) {
      problems.push(`args: ${quoted(line.slice(start).trim())} cannot be read without a shell`);
      return [];
    }
    words.push(found.replace(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)/g, (_, single?: string, double?: string, escaped?: string) => single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? ''));
  }
  return words;
}

function extraFlags(options: Readonly<Record<string, unknown>>, problems: string[]): Flag[] {
  return Object.entries(options).flatMap(([name, value]): Flag[] => {
    if (['cwd', 'args', 'env', 'command'].includes(name) || SILENT.has(name)) return [];
    if (['commands', 'envFile'].includes(name)) problems.push(`options.${name}: it is not understood`);
    else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return [{ name, value: String(value) }];
    else if (Array.isArray(value) && value.every((part) => typeof part === 'string')) return value.map((part) => ({ name, value: part }));
    else problems.push(`options.${quoted(name)}: it is not understood`);
    return [];
  });
}

function assignment(pair: string, flag: string, from: NodeJS.ProcessEnv | undefined, problems: string[]): [string, string][] {
  const at = pair.indexOf('=');
  if (at > 0) return [[pair.slice(0, at), pair.slice(at + 1)]];
  const value = from?.[pair];
  if (value !== undefined) return [[pair, value]];
  problems.push(`args: --${flag} ${quoted(pair)} has no value${from === undefined ? '' : ', and there is no such variable'}`);
  return [];
}

/** `id=name,env=VARIABLE` or `id=name,src=path`; without either the variable or file of that name, as BuildKit has it. */
function secretOf(flag: string, cwd: string, problems: string[]): BuildSecret[] {
  const fields = Object.fromEntries(flag.split(',').map((part) => [part.slice(0, Math.max(0, part.indexOf('='))), part.slice(part.indexOf('=') + 1)]));
  const { id, env, src, source, type, ...others } = fields;
  const file = src ?? source;
  if (id === undefined || Object.keys(others).length > 0 || (env === undefined) === (file === undefined) || !['env', 'file', undefined].includes(type)) {
    problems.push(`args: --secret ${quoted(flag)} is not understood: write id=<name>,env=<variable> or id=<name>,src=<file>`);
    return [];
  }
  return env === undefined ? [{ id, file: resolve(cwd, file ?? '') }] : [{ id, env }];
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
