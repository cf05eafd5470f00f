import type { ExecutorContext } from '@nx/devkit';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildFacts } from '../../build-facts.js';
import { hashFile } from '../../hash-file.js';
import { printable } from '../../printable.js';
import { messageOf } from '../../problems.js';
import { keyName, parseSigningKey, readSigningKey, type SigningKey } from '../../signing/keys.js';
import { signPackage } from '../../signing/sign-package.js';
import type { BuildSubject } from '../../signing/statement.js';
import { pathInWorkspace, shown, type ProjectPlace } from '../paths.js';

export interface SignOptions {
  /** Relative to the workspace. */
  readonly folder: string;
  /** Relative to the workspace, or absolute. */
  readonly key?: string;
  /** Names of environment variables. */
  readonly keyVariable?: string;
  readonly passphraseVariable?: string;
  readonly builder?: string;
  readonly invocation?: string;
  readonly repository?: string;
}

export type SignContext = Pick<ExecutorContext, 'root' | 'projectName' | 'projectsConfigurations'>;

const LOCK_FILES = ['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'];

/** Executor `nx-build-manifest:sign`. */
export default async function sign(options: SignOptions, context: SignContext): Promise<{ success: boolean }> {
  const projectName = context.projectName ?? 'workspace';
  const place = { root: resolve(context.root), projectName, projectRoot: context.projectsConfigurations.projects[projectName]?.root ?? '.' };
  try {
    const folder = pathInWorkspace('folder', options.folder, place);
    if (!existsSync(folder)) throw new Error(`the folder ${shown(folder, place)} does not exist: build first`);
    const [key, build] = await Promise.all([keyOf(options, place.root), subjectOf(options, place)]);
    const files = await signPackage({ folder, build, key });
    process.stdout.write(`signed ${printable(shown(folder, place))} with ${keyName(key)}: ${files.join(', ')}\n`);
    return { success: true };
  } catch (error) {
    process.stdout.write(`error: not signed: ${printable(messageOf(error), 500)}\n`);
    return { success: false };
  }
}

async function keyOf({ key, keyVariable, passphraseVariable }: SignOptions, root: string): Promise<SigningKey> {
  const passphrase = passphraseVariable === undefined ? undefined : valueOf('passphraseVariable', passphraseVariable);
  if ((key === undefined) === (keyVariable === undefined)) throw new Error('name one secret key, with --key=<file> or --keyVariable=<name of a variable>');
  try {
    return key === undefined ? await parseSigningKey(valueOf('keyVariable', keyVariable ?? ''), passphrase) : await readSigningKey(resolve(root, key), passphrase);
  } catch (error) {
    throw new Error(`the key ${key ?? `in the variable ${keyVariable ?? ''}`} cannot be used: ${messageOf(error)}`, { cause: error });
  }
}

function valueOf(option: string, name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${option}: the variable ${name} is not set`);
  return value;
}

async function subjectOf(options: SignOptions, place: ProjectPlace): Promise<BuildSubject> {
  const { service, version, buildId, git } = await buildFacts({ workspaceRoot: place.root, projectRoot: place.projectRoot, projectName: place.projectName });
  const inputs = await Promise.all(LOCK_FILES.filter((name) => existsSync(join(place.root, name))).map(async (name) => ({ name, sha256: (await hashFile(join(place.root, name))).sha256 })));
  return {
    name: service, version, inputs,
    ...(buildId === undefined ? {} : { buildId }),
    ...(options.builder === undefined ? {} : { builder: uri('builder', options.builder) }),
    ...(options.invocation === undefined ? {} : { invocation: uri('invocation', options.invocation) }),
    ...(git === undefined ? {} : {
      source: {
        commit: git.commit, dirty: git.dirty,
        ...(git.branch === undefined ? {} : { branch: git.branch }),
        ...(options.repository === undefined ? {} : { repository: uri('repository', options.repository) }),
      },
    }),
  };
}

function uri(option: string, text: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined) throw new Error(`${option} must be a URI, got ${text}`);
  if (parsed.password !== '') throw new Error(`${option} must hold no password`);
  return text;
}
