import type { ExecutorContext } from '@nx/devkit';
import { resolve } from 'node:path';
import { loadImage, type LoadImageOptions } from '../../commands/load-image.js';
import { runInNx, type NxOptions } from '../run-in-nx.js';

export type LoadImageExecutorOptions = LoadImageOptions & NxOptions;

/** `nx run <project>:load-image` */
export default function loadImageExecutor(options: LoadImageExecutorOptions, context: ExecutorContext): Promise<{ success: boolean }> {
  const { archive, ...rest } = options;
  return runInNx(options, context, (command) => loadImage(command, { ...rest, ...(archive === undefined ? {} : { archive: resolve(context.root, archive) }) }));
}
