/** Reading what other tools wrote, without trusting its shape. */
import type { Tree } from '@nx/devkit';
import { readDocument } from '../../config/document.js';

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

export function child(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}

/** A JSON file with comments; undefined when it is missing or broken. */
export function readLoose(tree: Tree, file: string): unknown {
  const reading = tree.exists(file) ? readDocument(tree.read(file, 'utf8') ?? '') : undefined;
  return reading?.ok === true ? reading.document.value : undefined;
}

/** `src/main.ts` becomes `src/main.js`. */
export function scriptName(source: string): string {
  return source.replace(/\.([cm]?)tsx?$/, '.$1js');
}
