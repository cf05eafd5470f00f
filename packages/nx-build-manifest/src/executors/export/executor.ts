import type { ExecutorContext } from '@nx/devkit';
import { dirname, join } from 'node:path';
import { exportManifest, type ExportFormat } from '../../export/export.js';
import { problemsOf } from '../../problems.js';
import { printable } from '../../printable.js';
import { readManifest, readRun } from '../../read-manifest.js';
import { replaceFile } from '../../replace-file.js';
import { runFileOf } from '../../run-file.js';
import { defaultManifest, pathInWorkspace, placeOf, shown } from '../paths.js';

export interface ExportOptions {
  /** Relative to the workspace. Default: where `generate` writes it. */
  readonly manifest?: string;
  /** Default: `summary`. */
  readonly format?: ExportFormat;
  /** Relative to the workspace. Default: beside the manifest; a summary is only printed. */
  readonly outputFile?: string;
}

const NAMES: Readonly<Record<Exclude<ExportFormat, 'summary'>, string>> = {
  json: 'build-manifest.full.json', yaml: 'build-manifest.yaml', markdown: 'deployment-report.md', html: 'deployment-report.html',
};

/** Executor `nx-build-manifest:export`: shows a manifest, with its run file where there is one, in another form. */
export default async function exportExecutor({ format = 'summary', ...options }: ExportOptions, context: Pick<ExecutorContext, 'root' | 'projectName' | 'projectsConfigurations'>): Promise<{ success: boolean }> {
  const place = placeOf(context);
  try {
    const file = pathInWorkspace('manifest', options.manifest ?? defaultManifest(place), place);
    const beside = format === 'summary' ? undefined : join(dirname(file), NAMES[format]);
    const target = options.outputFile === undefined ? beside : pathInWorkspace('outputFile', options.outputFile, place);
    if (target === file || target === runFileOf(file)) throw new Error(`outputFile must not be the manifest or its run file, got ${shown(target, place)}`);
    const text = await exportManifest(await readManifest(file), format, await readRun(runFileOf(file)));
    if (target === undefined) process.stdout.write(text);
    else {
      await replaceFile(target, text);
      process.stdout.write(`wrote ${printable(shown(target, place))}: ${format}, ${Buffer.byteLength(text)} bytes\n`);
    }
    return { success: true };
  } catch (error) {
    for (const problem of problemsOf(error)) process.stdout.write(`error: no export: ${printable(problem, 500)}\n`);
    return { success: false };
  }
}
