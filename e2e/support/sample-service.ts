/** The sample service of the repository in a workspace of a test. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from './machine.js';
import type { Workspace } from './workspace.js';

const MADE = new Set(['dist', 'node_modules', '.nx']);
const ROOT = 'apps/sample-service';

interface DeployFile {
  readonly environments: Readonly<Record<string, object>>;
}

/** Copies its sources; what is given for an environment is joined with what its deploy.json says. */
export function addSampleService(workspace: Workspace, environments: Readonly<Record<string, object>>, top: object = {}): void {
  cpSync(join(repository, ROOT), workspace.path(ROOT), {
    recursive: true, filter: (path) => !MADE.has(path.split('/').at(-1) ?? '') && !path.endsWith('.spec.ts') && !path.endsWith('.spec-support.ts'),
  });
  cpSync(join(repository, 'environments'), workspace.path('environments'), { recursive: true });
  cpSync(join(repository, 'tsconfig.base.json'), workspace.path('tsconfig.base.json'));
  const file = workspace.json<DeployFile>(`${ROOT}/deploy.json`);
  const joined = Object.entries(environments).map(([name, environment]) => [name, { ...file.environments[name], ...environment }]);
  workspace.write(`${ROOT}/deploy.json`, { ...file, ...top, environments: { ...file.environments, ...Object.fromEntries(joined) } });
}

/** Another release without another build: the variables of an environment, as its file has them. */
export function setVariables(workspace: Workspace, environment: string, variables: Readonly<Record<string, string>>): void {
  workspace.write(`${ROOT}/environments/${environment}.env`, Object.entries(variables).map(([key, value]) => `${key}="${value}"\n`).join(''));
}
