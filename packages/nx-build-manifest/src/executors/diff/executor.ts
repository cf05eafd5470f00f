import type { ExecutorContext } from '@nx/devkit';
import { resolve } from 'node:path';
import { commitsBetween } from '../../commits-between.js';
import { diffManifests } from '../../diff/diff.js';
import { diffText } from '../../diff/text.js';
import { problemsOf } from '../../problems.js';
import { printable } from '../../printable.js';
import { readManifest } from '../../read-manifest.js';
import { replaceFile } from '../../replace-file.js';
import { defaultManifest, pathInWorkspace, placeOf, shown } from '../paths.js';

export interface DiffOptions {
  /** The earlier manifest: relative to the workspace, or absolute. */
  readonly before: string;
  /** The later one. Default: where `generate` writes it. */
  readonly after?: string;
  /** Default: `text`. */
  readonly format?: 'text' | 'json';
  /** Relative to the workspace. Default: it is printed. */
  readonly outputFile?: string;
}

/** Executor `nx-build-manifest:diff`: says what changed from one manifest to another. */
export default async function diffExecutor({ before, after, format = 'text', outputFile }: DiffOptions, context: Pick<ExecutorContext, 'root' | 'projectName' | 'projectsConfigurations'>): Promise<{ success: boolean }> {
  const place = placeOf(context);
  try {
    const target = outputFile === undefined ? undefined : pathInWorkspace('outputFile', outputFile, place);
    const files = [before, after ?? defaultManifest(place)].map((file) => resolve(place.root, file));
    if (target !== undefined && files.includes(target)) throw new Error(`outputFile must be none of the manifests, got ${shown(target, place)}`);
    const [old, now] = await Promise.all([readManifest(files[0] ?? ''), readManifest(files[1] ?? '')]);
    const commits = old.git === undefined || now.git === undefined ? undefined : await commitsBetween(old.git.commit, now.git.commit, place.root);
    const diff = diffManifests(old, now, commits);
    const text = format === 'json' ? `${JSON.stringify(diff, null, 2)}\n` : diffText(diff);
    if (target === undefined) process.stdout.write(text);
    else {
      await replaceFile(target, text);
      process.stdout.write(`wrote ${printable(shown(target, place))}: ${printable(diff.service)} ${printable(diff.before.version)} -> ${printable(diff.after.version)}\n`);
    }
    return { success: true };
  } catch (error) {
    for (const problem of problemsOf(error)) process.stdout.write(`error: no diff: ${printable(problem, 500)}\n`);
    return { success: false };
  }
}
