/** Which projects `setup` is for: those that are named, all that can be deployed, or the one that a person picks. */
import { getProjects, joinPathFragments } from '@nx/devkit';
import type { ProjectConfiguration, Tree } from '@nx/devkit';
import { matchProjects } from '../../config/match-project.js';
import { suggest } from '../../config/suggest.js';
import { DeployError } from '../../errors.js';
import { inferBuild } from './infer-build.js';
import { readSource } from './infer-source.js';

export type Named = ProjectConfiguration & { readonly name: string };

/** Resolves with what was typed; undefined where nobody can be asked. */
export type AskProject = (question: string) => Promise<string | undefined>;

export interface Wanted {
  /** One name, or several with commas between them. */
  readonly project: string | undefined;
  readonly all: boolean;
  /** Name of the target that builds a project. */
  readonly buildTarget: string;
  readonly ask: AskProject;
}

const USAGE = 'nx g nx-deploy:setup <project>, or --all';

/** Throws ND-PROJECT-UNKNOWN or ND-OPTION-INVALID. */
export async function chooseProjects(tree: Tree, { project, all, buildTarget, ask }: Wanted): Promise<readonly Named[]> {
  const known = getProjects(tree);
  if (all) {
    if (project !== undefined) throw new DeployError('ND-OPTION-INVALID', { what: `--all and the project ${JSON.stringify(project)} were both given`, next: 'leave one of them out' });
    const found = deployable(tree, known, buildTarget);
    if (found.length === 0) throw new DeployError('ND-PROJECT-UNKNOWN', { what: 'no project was found that can be deployed', why: 'none has both a build whose output is known and a source that listens on a port, or a Dockerfile', next: 'name one: nx g nx-deploy:setup <project>' });
    return found;
  }
  const names = (project ?? await asked(tree, known, buildTarget, ask)).split(',').map((name) => name.trim()).filter((name) => name !== '');
  if (names.length === 0) throw new DeployError('ND-OPTION-INVALID', { what: 'no project was named', next: USAGE });
  return names.map((name) => named(name, known));
}

/** The only one that can be meant is not asked for. */
async function asked(tree: Tree, known: Known, buildTarget: string, ask: AskProject): Promise<string> {
  const candidates = deployable(tree, known, buildTarget).map(({ name }) => name);
  const [only, ...more] = candidates;
  if (only !== undefined && more.length === 0) return only;
  const listed = candidates.length > 0 ? candidates : [...known.keys()].sort();
  const answer = await ask(`Which project do you want to deploy? (${listed.join(', ')}) `);
  if (answer === undefined) throw new DeployError('ND-OPTION-INVALID', { what: 'no project was named', why: `the projects are: ${listed.join(', ')}`, next: USAGE });
  return answer;
}

export type Known = ReadonlyMap<string, ProjectConfiguration>;

/** Throws ND-PROJECT-UNKNOWN. */
export function named(name: string, known: Known): Named {
  const all = [...known.keys()].sort();
  const [found, ...more] = matchProjects(name, all);
  const project = found === undefined ? undefined : known.get(found);
  if (found !== undefined && project !== undefined && more.length === 0) return { ...project, name: found };
  if (found !== undefined) throw new DeployError('ND-PROJECT-UNKNOWN', { what: `${JSON.stringify(name)} may be several projects`, why: `they are: ${[found, ...more].join(', ')}`, next: 'write the whole name of one' });
  const near = suggest(name, all);
  throw new DeployError('ND-PROJECT-UNKNOWN', { what: `there is no project ${JSON.stringify(name)}`, why: near === undefined ? `the projects are: ${all.join(', ')}` : `did you mean ${near}?` });
}

/** What listens and has a known build is a service; a test project reads PORT too, but builds nothing. */
function deployable(tree: Tree, known: Known, buildTarget: string): readonly Named[] {
  const found = [...known].filter(([, project]) => {
    if (tree.exists(joinPathFragments(project.root, 'deploy.json')) || tree.exists(joinPathFragments(project.root, 'Dockerfile'))) return true;
    if (inferBuild(tree, project, buildTarget) === undefined) return false;
    const { readsPort, fixedPort } = readSource(tree, project);
    return readsPort || fixedPort !== undefined;
  });
  return found.map(([name, project]) => ({ ...project, name })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
