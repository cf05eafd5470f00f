import type { ExecutorContext } from '@nx/devkit';
import { askedThrough } from '../../asked-environment.js';
import { knownEnvironments } from '../../environment-name.js';
import { loadEnvironment, type LoadedEnvironment } from '../../load-environment.js';
import { printable } from '../../problem.js';

export interface ValidateOptions {
  /** Default: the name of the configuration the task runs with. */
  readonly environment?: string;
  /** The environments there are, where something else than the files decides: no other is accepted, and one of them needs no file. */
  readonly known?: readonly string[];
}

interface Folders {
  readonly workspaceRoot: string;
  readonly projectRoot: string;
}

type ValidateContext = Pick<ExecutorContext, 'root' | 'projectName' | 'targetName' | 'configurationName' | 'projectsConfigurations' | 'taskGraph'>;

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** The environments that can be named: those that were given, else those that have a file. */
async function namesOf({ known }: ValidateOptions, folders: Folders): Promise<readonly string[]> {
  return known === undefined ? knownEnvironments(folders) : known.map((name) => printable(name, 64));
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'no environments/*.env file exists yet' : `known environments: ${names.join(', ')}`;
}

/** KEY, where it is set, and whether it is secret; no values. */
function table(loaded: LoadedEnvironment): string[] {
  const keys = Object.keys(loaded.values);
  if (keys.length === 0) return [];
  const width = Math.max(...keys.map((key) => key.length), 'KEY'.length);
  const secrets = new Set(loaded.secrets);
  const rows = keys.map((key) => [key, secrets.has(key) ? 'secret' : '', printable(loaded.sources[key] ?? '')] as const);
  return [['KEY', '', 'SET IN'] as const, ...rows].map(([key, secret, source]) => `  ${key.padEnd(width)}  ${secret.padEnd(6)}  ${source}`);
}

/** Executor `nx-env-sync:validate`: succeeds when the environment exists and has no problem. */
export default async function validate(options: ValidateOptions, context: ValidateContext): Promise<{ success: boolean }> {
  const project = context.projectName ?? '';
  const projectRoot = context.projectsConfigurations.projects[project]?.root ?? '.';
  const folders = { workspaceRoot: context.root, projectRoot };
  const environment = options.environment ?? context.configurationName;
  if (environment === undefined || environment === '') {
    const asking = askedThrough(context.taskGraph, { project, target: context.targetName ?? '' });
    if (asking !== undefined) {
      print([`skipped: ${printable(project)} has no environment ${printable(asking.environment, 64)}, which ${printable(asking.project)} was asked for`]);
      return { success: true };
    }
    print(['error: no environment was named', '  next: add --configuration=<environment>', `  ${listed(await namesOf(options, folders))}`]);
    return { success: false };
  }
  const loaded = await loadEnvironment({ environment, ...folders });
  const title = `environment ${printable(environment, 64)} of ${printable(project)}`;
  const { known } = options;
  const unknown = known === undefined ? !loaded.found : !known.includes(environment);
  if (unknown) {
    const why = known !== undefined ? [] : loaded.problems.length > 0 ? loaded.problems : [`neither environments/${environment}.env nor environments/env.schema.json exists`];
    print([`error: ${title} does not exist`, ...why.map((line) => `  - ${line}`), `  ${listed(await namesOf(options, folders))}`]);
    return { success: false };
  }
  const count = loaded.problems.length;
  const verdict = count === 0 ? `valid, ${counted(Object.keys(loaded.values).length, 'key')}` : counted(count, 'problem');
  print([...table(loaded), ...loaded.problems.map((line) => `  - ${line}`), `${count === 0 ? '' : 'error: '}${title}: ${verdict}`]);
  return { success: count === 0 };
}
