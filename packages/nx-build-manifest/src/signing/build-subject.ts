/** What is signed about a build: facts of the workspace, and what only the caller can say. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BuildFacts } from '../build-facts.js';
import { hashFile } from '../hash-file.js';
import type { BuildSubject } from './statement.js';

/** What whoever signs says of the build, since it stands in no file. */
export interface StatedOrigin {
  /** URI of who builds: it names a system that the verifier can decide to trust. */
  readonly builder?: string;
  /** URI of the run, the page of a CI job say. */
  readonly invocation?: string;
  /** Address of the repository without credentials, as SPDX spells it: `git+https://example.com/shop.git`. */
  readonly repository?: string;
  /** Name of the branch, without `refs/heads/`, in place of the one that is checked out: in CI there is often none. */
  readonly branch?: string;
}

export const LOCK_FILES: readonly string[] = ['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock', 'bun.lockb'];

/**
 * The lock files in the folder of the workspace, for `inputs` of a build.
 * @returns name, and SHA-256 of the content, hexadecimal
 */
export async function lockFileInputs(workspaceRoot: string): Promise<readonly { readonly name: string; readonly sha256: string }[]> {
  const names = LOCK_FILES.filter((name) => existsSync(join(workspaceRoot, name)));
  return Promise.all(names.map(async (name) => ({ name, sha256: (await hashFile(join(workspaceRoot, name))).sha256 })));
}

/**
 * The build that a package was made by, for {@link SignQuery} of `signPackage`.
 * @param facts of {@link buildFacts}
 * @param workspaceRoot absolute folder, whose lock files become inputs
 * @throws Error naming the key of `stated` that is wrong, or that says where a commit can be found when there is none
 */
export async function buildSubject(facts: BuildFacts, workspaceRoot: string, stated: StatedOrigin = {}): Promise<BuildSubject> {
  const { service, version, buildId, git } = facts;
  const { builder, invocation } = stated;
  const place = {
    ...(git?.branch === undefined ? {} : { branch: git.branch }),
    ...(stated.branch === undefined ? {} : { branch: branchName(stated.branch) }),
    ...(stated.repository === undefined ? {} : { repository: repositoryUri(stated.repository) }),
  };
  for (const key of ['repository', 'branch'] as const) {
    if (git === undefined && stated[key] !== undefined) throw new Error(`${key} says where the commit can be found, and the workspace stands on no commit; leave it out, or build in a clone of the repository`);
  }
  return {
    name: service, version, inputs: await lockFileInputs(workspaceRoot),
    ...(buildId === undefined ? {} : { buildId }),
    ...(builder === undefined ? {} : { builder: uri('builder', builder) }),
    ...(invocation === undefined ? {} : { invocation: uri('invocation', invocation) }),
    ...(git === undefined ? {} : { source: { commit: git.commit, dirty: git.dirty, ...place } }),
  };
}

function uri(option: string, text: string): string {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined) throw new Error(`${option} must be a URI, got ${text}`);
  if (parsed.password !== '') throw new Error(`${option} must hold no password`);
  return text;
}

function repositoryUri(text: string): string {
  const { protocol, username } = new URL(uri('repository', text));
  // Over ssh it is a name; over http it is as often a token.
  if (username !== '' && /^(?:.+\+)?https?:$/.test(protocol)) throw new Error('repository must hold no user name and no token');
  if (text.includes('@refs/heads/')) throw new Error('repository must hold no branch; name it with branch');
  return text;
}

/** As git accepts it (git check-ref-format); what is no name of a branch could stand for another one in the statement. */
function branchName(text: string): string {
  if (text.startsWith('refs/')) throw new Error(`branch is named without refs/heads/, got ${text}`);
  const parts = text.split('/');
  const wrong = /[\p{Cc} ~^:?*[\\]|\.\.|@\{|\.$|^-|^@$/u.test(text) || parts.some((part) => part === '' || part.startsWith('.') || part.endsWith('.lock'));
  if (wrong) throw new Error(`branch must be the name of a branch, got ${JSON.stringify(text)}`);
  return text;
}
