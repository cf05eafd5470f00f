import type { ExecutorContext } from '@nx/devkit';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { buildFacts } from '../../build-facts.js';
import { printable } from '../../printable.js';
import { messageOf } from '../../problems.js';
import { buildSubject, type StatedOrigin } from '../../signing/build-subject.js';
import { keyName, parseSigningKey, readSigningKey, type SigningKey } from '../../signing/keys.js';
import { signPackage } from '../../signing/sign-package.js';
import { tellMissingGit } from '../missing-git.js';
import { pathInWorkspace, shown, type ProjectPlace } from '../paths.js';

export interface SignOptions extends StatedOrigin {
  /** Relative to the workspace. */
  readonly folder: string;
  /** Relative to the workspace, or absolute. */
  readonly key?: string;
  /** Names of environment variables. */
  readonly keyVariable?: string;
  readonly passphraseVariable?: string;
}

export type SignContext = Pick<ExecutorContext, 'root' | 'projectName' | 'projectsConfigurations'>;

/** Executor `nx-build-manifest:sign`. */
export default async function sign(options: SignOptions, context: SignContext): Promise<{ success: boolean }> {
  const projectName = context.projectName ?? 'workspace';
  const place = { root: resolve(context.root), projectName, projectRoot: context.projectsConfigurations.projects[projectName]?.root ?? '.' };
  try {
    const folder = pathInWorkspace('folder', options.folder, place);
    if (!existsSync(folder)) throw new Error(`the folder ${shown(folder, place)} does not exist: build first`);
    if (options.key !== undefined) await refuseWithin(folder, options.key, place);
    const [key, facts] = await Promise.all([keyOf(options, place.root), buildFacts({ workspaceRoot: place.root, projectRoot: place.projectRoot, projectName })]);
    const build = await buildSubject(facts, place.root, options);
    await tellMissingGit(place.root);
    const files = await signPackage({ folder, build, key });
    process.stdout.write(`signed ${printable(shown(folder, place))} with ${keyName(key)}: ${files.join(', ')}\n`);
    return { success: true };
  } catch (error) {
    process.stdout.write(`error: not signed: ${printable(messageOf(error), 500)}\n`);
    return { success: false };
  }
}

/** Whoever gets the folder would get the key. By real paths: either may be reached by a link. */
async function refuseWithin(folder: string, key: string, place: ProjectPlace): Promise<void> {
  const file = resolve(place.root, key);
  const [real, root] = [await realpath(file).catch(() => file), await realpath(folder)];
  const inside = relative(root, real);
  if (inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) return;
  throw new Error(`the secret key ${key} lies in the folder ${shown(folder, place)}, and would be signed and handed on with it; move it out of the folder`);
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
