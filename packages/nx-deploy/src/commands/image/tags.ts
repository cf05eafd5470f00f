/** Templates of tags become tags. All of them are known to be right before anything is sent. */
import type { TagToken } from '../../config/image-schema.js';
import type { ImageRepository } from '../../config/index.js';
import { asDeployError, DeployError } from '../../errors.js';
import { checkTag, parseRepository, type Repository } from '../../image/registry/index.js';
import type { ProjectContext } from '../context.js';

export interface TagFacts {
  /** Absent when no tag asks for it. */
  readonly version?: string;
  /** Absent without git. */
  readonly commit?: string;
  /** Absent when none is checked out. */
  readonly branch?: string;
  readonly hash: string;
}

export interface Destination {
  readonly repository: Repository;
  readonly tags: readonly string[];
}

/** As `--tag` arrives. Nx makes numbers of what looks like one, before anybody is asked. */
export type GivenTags = string | number | readonly (string | number)[] | undefined;

/** @throws DeployError ND-OPTION-INVALID for a number: what it was is lost, as 1.10 has become 1.1. */
export function givenTags(given: GivenTags): readonly string[] {
  const all = given === undefined ? [] : typeof given === 'object' ? given : [given];
  return all.map((tag) => {
    if (typeof tag === 'string') return tag;
    throw new DeployError('ND-OPTION-INVALID', {
      what: `--tag has come as the number ${tag}`, why: 'Nx makes numbers of such options, so that 1.10 would become 1.1',
      next: 'use the bin, which takes it as it is (npx nx-deploy <command> <project> --tag <tag>), a tag in artifact.push of deploy.json, or one with a letter, such as v1.10',
    });
  });
}

/** Those that `templates` ask for: to start git takes as long as to push what is there already. `digest`: of the image. */
export async function tagFacts({ workspaceRoot, projectRoot, projectName, variables }: ProjectContext, digest: string, templates: readonly string[]): Promise<TagFacts> {
  const hash = digest.replace('sha256:', '').slice(0, 12);
  if (!templates.some((template) => /\{(?:version|commit|branch)\}/.test(template))) return { hash };
  const { buildFacts } = await import('nx-build-manifest');
  const { version, git } = await buildFacts({ workspaceRoot, projectRoot, projectName });
  const branch = git?.branch ?? branchOfCi(variables);
  return {
    version, hash,
    ...(git === undefined ? {} : { commit: git.shortCommit }),
    ...(branch === undefined ? {} : { branch }),
  };
}

/** CI systems check out a commit: the branch stands in a variable of theirs. */
function branchOfCi(variables: NodeJS.ProcessEnv): string | undefined {
  return ['GITHUB_HEAD_REF', 'GITHUB_REF_NAME', 'CI_COMMIT_REF_NAME', 'BUILDKITE_BRANCH', 'CIRCLE_BRANCH', 'BRANCH_NAME'].map((name) => variables[name]).find((value) => value !== undefined && value !== '');
}

/** @throws DeployError ND-IMAGE-REFERENCE with every tag that cannot be one. `extra`: tags beside those of deploy.json, templates too. */
export function destinations(repositories: readonly ImageRepository[], facts: TagFacts, extra: readonly string[] = []): readonly Destination[] {
  const problems: string[] = [];
  const found = repositories.map(({ repository, tags }): Destination => ({
    repository: parseRepository(repository),
    tags: [...new Set([...tags, ...extra].flatMap((template) => {
      try {
        return [checkTag(expand(template, facts))];
      } catch (thrown) {
        const { what, why } = asDeployError(thrown).parts;
        problems.push(`${repository}, tag ${JSON.stringify(template)}: ${why ?? what}`);
        return [];
      }
    }))],
  }));
  if (problems.length === 0) return found;
  throw new DeployError('ND-IMAGE-REFERENCE', { what: 'the image cannot be tagged as it should, and nothing was pushed', problems, next: 'change the tags in artifact.push of deploy.json, or give --tag' });
}

function expand(template: string, facts: TagFacts): string {
  return template.replace(/\{([^{}]*)\}/g, (_, name: string) => {
    const token = TOKENS[name as TagToken];
    if (!Object.hasOwn(TOKENS, name)) throw missing(`there is no {${name}}; there are {${Object.keys(TOKENS).join('}, {')}}`);
    return token(facts);
  });
}

const TOKENS: Readonly<Record<TagToken, (facts: TagFacts) => string>> = {
  // A tag has no "+": what follows it in a version (build metadata, semver 2.0.0 item 10) is set off by "_", as Helm does.
  version: ({ version }) => (version ?? fail('{version} has no value')).replaceAll('+', '_'),
  commit: ({ commit }) => commit ?? fail('{commit} has no value: the workspace is no git repository with a commit, or git is not installed'),
  branch: ({ branch }) => tagSafe(branch ?? fail('{branch} has no value: no branch is checked out, and no variable of a CI system names one')),
  hash: ({ hash }) => hash,
};

/** `feature/x y` becomes `feature-x-y`. */
function tagSafe(branch: string): string {
  return branch.replace(/[^A-Za-z0-9_.-]+/g, '-').replace(/^[.-]+/, '').slice(0, 100) || fail('{branch} has no letter or digit that a tag could have');
}

function fail(why: string): never {
  throw missing(why);
}

function missing(why: string): DeployError {
  return new DeployError('ND-IMAGE-REFERENCE', { what: 'a tag cannot be made of its template', why });
}
