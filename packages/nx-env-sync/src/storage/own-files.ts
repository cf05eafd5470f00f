import { join, resolve } from 'node:path';
import { ENVIRONMENTS_FOLDER, SECRETS_EXTENSION } from '../environment-name.js';
import { shownPath } from '../files/paths.js';

/** The two files of an environment in the folder of one project, or of the workspace. */
export interface OwnFiles {
  readonly environment: string;
  /** Absolute folder of the project. */
  readonly root: string;
  readonly plain: string;
  readonly secrets: string;
  /** The same as shown to people. */
  readonly shown: { readonly plain: string; readonly secrets: string };
}

export function ownFiles(environment: string, { workspaceRoot, projectRoot }: { readonly workspaceRoot: string; readonly projectRoot: string }): OwnFiles {
  const root = resolve(workspaceRoot, projectRoot);
  const [plain, secrets] = [`${environment}.env`, `${environment}${SECRETS_EXTENSION}`].map((name) => join(root, ENVIRONMENTS_FOLDER, name)) as [string, string];
  return { environment, root, plain, secrets, shown: { plain: shownPath(plain, workspaceRoot), secrets: shownPath(secrets, workspaceRoot) } };
}
