import parseExpression from 'spdx-expression-parse';
import type { PackageManifest } from './graph.js';

/** What a package.json says of its license. Nothing is corrected or guessed. */
export type License =
  /** A valid SPDX expression (SPDX 2.3, annex D). */
  | { readonly kind: 'expression'; readonly expression: string }
  /** Words that are no SPDX expression: `SEE LICENSE IN x`, `UNLICENSED`, `Apache 2.0`. */
  | { readonly kind: 'named'; readonly name: string }
  /** The list of old package.json files, which does not say whether one may choose. */
  | { readonly kind: 'list'; readonly names: readonly string[] };

export function isExpression(text: string): boolean {
  try {
    parseExpression(text);
    return true;
  } catch {
    return false;
  }
}

function named(text: string): License | undefined {
  const name = text.trim();
  if (name === '') return undefined;
  return isExpression(name) && !name.includes('DocumentRef-') ? { kind: 'expression', expression: name } : { kind: 'named', name };
}

function typeOf(value: unknown): string | undefined {
  const type = typeof value === 'object' && value !== null && 'type' in value ? value.type : value;
  return typeof type === 'string' && type.trim() !== '' ? type.trim() : undefined;
}

/** undefined when the package does not say. */
export function licenseOf({ license, licenses }: PackageManifest): License | undefined {
  const one = typeOf(license);
  if (one !== undefined) return named(one);
  const names = (Array.isArray(licenses) ? licenses : [licenses]).map(typeOf).filter((name): name is string => name !== undefined);
  return names.length > 1 ? { kind: 'list', names } : named(names[0] ?? '');
}

/** For people, and for messages. */
export function licenseText(license: License | undefined): string {
  if (license === undefined) return 'no license';
  return license.kind === 'expression' ? license.expression : license.kind === 'named' ? license.name : license.names.join(', ');
}
