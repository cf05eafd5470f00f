/**
 * What a package depends on and Nx does not see: reports of tests, which git ignores; the version of npm, which stands in its manifest; and the content of the key that signs it.
 * Nx asks for it before it looks into its cache (a runtime input of the target), and compares what is printed.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { npmVersion, reportFiles } from 'nx-build-manifest';
import { KEY_VARIABLE } from '../../package/variables.js';

/** 64 hexadecimal digits. `projectRoot`: relative to the workspace, which is the current folder. */
export async function inputHash(projectRoot: string, workspaceRoot = process.cwd(), variables: NodeJS.ProcessEnv = process.env): Promise<string> {
  const key = variables[KEY_VARIABLE];
  const files = [...await reportFiles(workspaceRoot, resolve(workspaceRoot, projectRoot)), ...(key ? [resolve(workspaceRoot, key)] : [])];
  const hash = createHash('sha256').update(JSON.stringify([await npmVersion(), files.map((file) => file.slice(workspaceRoot.length))]));
  for (const file of files) hash.update(createHash('sha256').update(await readFile(file).catch(() => '')).digest());
  return hash.digest('hex');
}

/** For the command line of Nx's runtime input. */
export function print(projectRoot: string): void {
  void inputHash(projectRoot).then((text) => process.stdout.write(`${text}\n`));
}
