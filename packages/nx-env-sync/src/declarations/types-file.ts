import type { ProjectConfiguration } from '@nx/devkit';
import { posix } from 'node:path';

/** Executor whose option `outputFile` says where a project's types are. */
export const TYPES_EXECUTOR = 'nx-env-sync:types';

/** Where the types of a project are unless told otherwise: with its source, where the compiler finds them. Relative to the workspace, with `/`. */
export function defaultTypesFile({ root, sourceRoot }: Pick<ProjectConfiguration, 'root' | 'sourceRoot'>, exists: (path: string) => boolean): string {
  const source = posix.join(root, 'src');
  return posix.join(sourceRoot ?? (exists(source) ? source : root), 'env.d.ts');
}
