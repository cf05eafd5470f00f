import type { ExecutorContext } from '@nx/devkit';
import { join, resolve } from 'node:path';
import { printable } from '../../printable.js';
import { messageOf } from '../../problems.js';
import { isTimeStated } from '../../sbom/identity.js';
import type { LicensePolicy, LicenseReport, LicenseVerdict } from '../../sbom/license-policy.js';
import { sbom, sbomFileName, type Sbom, type SbomFormat } from '../../sbom/sbom.js';
import { replaceFile } from '../../replace-file.js';
import { tellMissingGit } from '../missing-git.js';
import { pathInWorkspace, shown, type ProjectPlace } from '../paths.js';

export interface SbomOptions {
  /** Default: CycloneDX. */
  readonly formats?: readonly SbomFormat[];
  /** Relative to the workspace. */
  readonly outputPath?: string;
  readonly licenses?: LicensePolicy & { readonly mode?: 'enforce' | 'warn' };
}

export type SbomContext = Pick<ExecutorContext, 'root' | 'projectName' | 'projectsConfigurations'> & Partial<Pick<ExecutorContext, 'projectGraph'>>;

const print = (line: string, before = ''): void => { process.stdout.write(`${before}${printable(line, 500)}\n`); };
const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

/** Executor `nx-build-manifest:sbom`: writes the documents, then judges the licenses. */
export default async function sbomExecutor(options: SbomOptions, context: SbomContext): Promise<{ success: boolean }> {
  const projectName = context.projectName ?? 'workspace';
  const place = { root: resolve(context.root), projectName, projectRoot: context.projectsConfigurations.projects[projectName]?.root ?? '.' };
  try {
    const folder = pathInWorkspace('outputPath', options.outputPath ?? 'dist/manifests/{projectRoot}', place);
    if (!isTimeStated(process.env)) await tellMissingGit(place.root);
    let last: Sbom | undefined;
    for (const format of new Set<SbomFormat>(options.formats ?? ['cyclonedx'])) {
      last = await made(format, options, context, place);
      const file = join(folder, sbomFileName(format));
      await replaceFile(file, last.document);
      print(`wrote ${shown(file, place)}: ${summary(last)}`);
    }
    return { success: last?.licenses === undefined || judged(last.licenses, options.licenses?.mode ?? 'enforce') };
  } catch (error) {
    print(`error: no bill of materials: ${messageOf(error)}`);
    return { success: false };
  }
}

async function made(format: SbomFormat, { licenses }: SbomOptions, { projectGraph }: SbomContext, place: ProjectPlace): Promise<Sbom> {
  const policy = licenses === undefined ? undefined : withoutMode(licenses);
  return sbom({
    workspaceRoot: place.root, projectRoot: place.projectRoot, projectName: place.projectName, format,
    ...(projectGraph === undefined ? {} : { graph: projectGraph }), ...(policy === undefined ? {} : { licenses: policy }),
  });
}

function withoutMode({ allow, deny, unknown, exceptions }: LicensePolicy): LicensePolicy {
  return { ...(allow === undefined ? {} : { allow }), ...(deny === undefined ? {} : { deny }), ...(unknown === undefined ? {} : { unknown }), ...(exceptions === undefined ? {} : { exceptions }) };
}

function summary({ inventory: { components }, unlicensed }: Sbom): string {
  const packages = components.filter(({ kind }) => kind === 'package').length;
  const libraries = components.length - packages;
  return [
    counted(packages, 'package'),
    ...(libraries === 0 ? [] : [`${libraries} of the workspace`]),
    ...(unlicensed.length === 0 ? [] : [`${unlicensed.length} without a license`]),
  ].join(', ');
}

function judged({ verdicts, unused }: LicenseReport, mode: 'enforce' | 'warn'): boolean {
  const of = (outcome: LicenseVerdict['outcome']): readonly LicenseVerdict[] => verdicts.filter((verdict) => verdict.outcome === outcome);
  const [denied, excepted] = [of('denied'), of('excepted')];
  print(`licenses: ${of('allowed').length} allowed, ${excepted.length} excepted, ${denied.length} denied`);
  for (const verdict of [...excepted, ...denied]) print(`${verdict.outcome}: ${verdict.package}@${verdict.version ?? '?'} (${verdict.license}): ${verdict.reason ?? ''}`, '  - ');
  for (const name of unused) print(`the exception for ${name} is needed by no package`, '  - ');
  if (denied.length === 0) return true;
  print(`${mode === 'warn' ? 'warning' : 'error'}: ${counted(denied.length, 'package')} denied by the license policy; replace each, or name it in licenses.exceptions with a reason`);
  return mode === 'warn';
}
