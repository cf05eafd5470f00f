import type { ExecutorContext } from '@nx/devkit';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { printable } from '../../printable.js';
import { messageOf } from '../../problems.js';
import type { TrustedKey } from '../../signing/keys.js';
import type { VerificationPolicy } from '../../signing/policy.js';
import { verifyPackage, type Verdicts } from '../../signing/verify-package.js';
import { pathInWorkspace, shown } from '../paths.js';

export interface VerifyOptions extends Partial<Omit<VerificationPolicy, 'keys'>> {
  /** Relative to the workspace. */
  readonly folder: string;
  /** `file`: relative to the workspace, or absolute. */
  readonly keys?: readonly { readonly name: string; readonly file?: string; readonly publicKey?: string }[];
}

export type VerifyContext = Pick<ExecutorContext, 'root' | 'projectName' | 'projectsConfigurations'>;

/** Lines for each rule. */
const MOST_FINDINGS = 100;

const print = (line: string, before = ''): void => { process.stdout.write(`${before}${printable(line, 500)}\n`); };

/** Executor `nx-build-manifest:verify`. */
export default async function verify(options: VerifyOptions, context: VerifyContext): Promise<{ success: boolean }> {
  const projectName = context.projectName ?? 'workspace';
  const place = { root: resolve(context.root), projectName, projectRoot: context.projectsConfigurations.projects[projectName]?.root ?? '.' };
  try {
    const folder = pathInWorkspace('folder', options.folder, place);
    if (!existsSync(folder)) throw new Error(`the folder ${shown(folder, place)} does not exist`);
    const verdicts = await verifyPackage({ folder, policy: await policyOf(options, place.root) });
    tell(verdicts);
    print(verdicts.accepted ? `accepted: ${shown(folder, place)}` : `error: refused: ${shown(folder, place)}; do not use it, and ask whoever built it for the package as it was signed`);
    return { success: verdicts.accepted };
  } catch (error) {
    print(`error: not verified: ${messageOf(error)}`);
    return { success: false };
  }
}

async function policyOf({ mode = 'enforce', keys = [], identities, provenance, requireSbom }: VerifyOptions, root: string): Promise<VerificationPolicy> {
  return {
    mode, keys: await Promise.all(keys.map(async (key, index) => trusted(key, index, root))),
    ...(identities === undefined ? {} : { identities }), ...(provenance === undefined ? {} : { provenance }), ...(requireSbom === undefined ? {} : { requireSbom }),
  };
}

async function trusted({ name, file, publicKey }: NonNullable<VerifyOptions['keys']>[number], index: number, root: string): Promise<TrustedKey> {
  if ((file === undefined) === (publicKey === undefined)) throw new Error(`keys[${index}]: name one public key, with file or with publicKey`);
  return { name, publicKey: publicKey ?? await readFile(resolve(root, file ?? ''), 'utf8') };
}

/** A line for each rule, and one for each thing that is wrong. */
function tell({ rules }: Verdicts): void {
  for (const { rule, outcome, detail, findings } of rules) {
    print(findings.length === 0 ? detail : `${findings.length} wrong`, `${outcome.padEnd(8)} ${rule.padEnd(10)}  `);
    for (const { file, problem } of findings.slice(0, MOST_FINDINGS)) print(`${file === undefined ? '' : `${file}: `}${problem}`, '  - ');
    if (findings.length > MOST_FINDINGS) print(`and ${findings.length - MOST_FINDINGS} more`, '  - ');
  }
}
