/** What a Dockerfile is built with, checked as a whole before an engine hears of it. */
import { readFile, stat } from 'node:fs/promises';
import type { BuildSecret, DockerfileImage } from '../../../config/resolved.js';
import { errorCode } from '../../../errors.js';
import { redactor, type Redactor } from '../../../shell/redactor.js';
import { quoted } from '../../registry/plain.js';
import { invalidRequest } from './failures.js';

/** Never the value itself: `env` is a variable of the client's environment that {@link Prepared.variables} sets. */
export type PreparedSecret = { readonly id: string; readonly env: string } | { readonly id: string; readonly file: string };

export interface Prepared {
  readonly options: DockerfileImage;
  readonly secrets: readonly PreparedSecret[];
  /** For the environment of the client. */
  readonly variables: Readonly<Record<string, string>>;
  readonly redact: Redactor;
  /** The id of a secret whose value the text holds. */
  readonly leaked: (text: string) => string | undefined;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const WORD = /^[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const PLATFORM = /^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9.]+)?$/;
/** Bytes: what BuildKit takes. */
const LARGEST_SECRET = 500 * 1024;
/** Shorter ones are neither redacted nor looked for: they would be found everywhere. */
const SHORTEST_SECRET = 6;

/** @throws DeployError ND-OPTION-INVALID with every problem at once. */
export async function prepare(options: DockerfileImage, variables: NodeJS.ProcessEnv): Promise<Prepared> {
  const values = await Promise.all(options.secrets.map((secret) => valueOf(secret, variables)));
  const known = Object.fromEntries(options.secrets.flatMap(({ id }, index) => {
    const { value } = values[index] ?? {};
    return value === undefined ? [] : [[id, value]];
  }));
  const leaked = (text: string): string | undefined => Object.entries(known).find(([, value]) => value.length >= SHORTEST_SECRET && holds(text, value))?.[0];
  const problems = [
    ...await missingPlaces(options),
    ...badNames(options),
    ...options.secrets.flatMap(({ id }, index) => {
      const { problem } = values[index] ?? {};
      return problem === undefined ? [] : [`secret ${quoted(id)}: ${problem}`];
    }),
    ...[...Object.entries(options.args).map(([name, value]) => [`args.${name}`, value] as const), ...Object.entries(options.labels).map(([name, value]) => [`labels.${name}`, value] as const)]
      .flatMap(([where, value]) => {
        const id = leaked(value);
        return id === undefined ? [] : [`${quoted(where)}: it holds the value of the secret ${quoted(id)}, and everybody could read it in the image`];
      }),
  ];
  if (problems.length > 0) throw invalidRequest(problems);
  // Names of our own: a secret called PATH must not change what the client does.
  const secrets = options.secrets.map((secret, index): PreparedSecret => ('file' in secret ? { id: secret.id, file: secret.file } : { id: secret.id, env: `NX_DEPLOY_SECRET_${index}` }));
  return {
    options, secrets, leaked, redact: redactor(known),
    variables: Object.fromEntries(secrets.flatMap((secret) => ('env' in secret ? [[secret.env, known[secret.id] ?? '']] : []))),
  };
}

async function valueOf(secret: BuildSecret, variables: NodeJS.ProcessEnv): Promise<{ readonly value?: string; readonly problem?: string }> {
  if ('env' in secret) {
    const value = variables[secret.env];
    return value === undefined || value === '' ? { problem: `the variable ${quoted(secret.env)} is not set` } : { value };
  }
  try {
    const found = await stat(secret.file);
    if (!found.isFile()) return { problem: `${quoted(secret.file)} is no regular file` };
    if (found.size > LARGEST_SECRET) return { problem: `${quoted(secret.file)} has more than ${LARGEST_SECRET} bytes` };
    return { value: await readFile(secret.file, 'utf8') };
  } catch (error) {
    return { problem: `${quoted(secret.file)} cannot be read (${errorCode(error) ?? 'unknown'})` };
  }
}

/** As it is, without the line feed at its end, or as JSON has it. */
function holds(text: string, value: string): boolean {
  const trimmed = value.trimEnd();
  return trimmed.length >= SHORTEST_SECRET && (text.includes(trimmed) || text.includes(JSON.stringify(trimmed).slice(1, -1)));
}

async function missingPlaces({ dockerfile, context }: DockerfileImage): Promise<string[]> {
  const is = async (path: string, kind: 'isFile' | 'isDirectory'): Promise<boolean> => {
    try {
      return (await stat(path))[kind]();
    } catch {
      return false;
    }
  };
  return [
    ...(await is(dockerfile, 'isFile') ? [] : [`dockerfile: there is no file ${quoted(dockerfile)}`]),
    ...(await is(context, 'isDirectory') ? [] : [`context: there is no folder ${quoted(context)}`]),
  ];
}

function badNames({ args, target, secrets, cacheFrom, cacheTo, platforms }: DockerfileImage): string[] {
  const ids = secrets.map(({ id }) => id);
  return [
    ...Object.entries(args).flatMap(([name, value]) => [
      ...(NAME.test(name) ? [] : [`args: ${quoted(name)} is no name of a variable`]),
      ...(value.includes('\0') ? [`args.${quoted(name)}: it holds a NUL`] : []),
    ]),
    ...(target === undefined || WORD.test(target) ? [] : [`target: ${quoted(target)} is no name of a stage`]),
    ...ids.filter((id) => !WORD.test(id)).map((id) => `secrets: ${quoted(id)} is no id: letters, digits, "_", "." and "-"`),
    ...ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `secrets: ${quoted(id)} stands there twice`),
    ...platforms.filter((platform) => !PLATFORM.test(platform)).map((platform) => `platforms: ${quoted(platform)} is no platform such as "linux/amd64"`),
    ...platforms.filter((platform, index) => platforms.indexOf(platform) !== index).map((platform) => `platforms: ${quoted(platform)} stands there twice`),
    ...(platforms.length === 0 ? ['platforms: there is none'] : []),
    ...[...cacheFrom, ...cacheTo].filter((text) => text === '' || text.startsWith('-') || /[^ -~]/.test(text)).map((text) => `cacheFrom, cacheTo: ${quoted(text)} names no cache`),
  ];
}
