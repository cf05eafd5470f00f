/** Which licenses third-party packages may have. */
import parseExpression, { type Info } from 'spdx-expression-parse';
import satisfies from 'spdx-satisfies';
import type { Component } from './component.js';
import type { Inventory } from './inventory.js';
import { isExpression, licenseText } from './license.js';

export interface LicensePolicy {
  /** SPDX licenses (`MIT`, `GPL-2.0-only WITH Classpath-exception-2.0`, `LicenseRef-x`), none of them joined by AND or OR. Default: every one that is not denied. */
  readonly allow?: readonly string[];
  /** The same; it wins over `allow`. */
  readonly deny?: readonly string[];
  /** Packages without a license, or with words that are no SPDX expression. Default: deny. */
  readonly unknown?: 'allow' | 'deny';
  readonly exceptions?: readonly LicenseException[];
}

/** Lets one package pass. */
export interface LicenseException {
  /** `name`, or `name@version` for that version alone. */
  readonly package: string;
  /** Why; it is shown with the verdict. */
  readonly reason: string;
}

export interface LicenseVerdict {
  readonly package: string;
  readonly version?: string;
  /** As the package says it; `no license` when it does not. */
  readonly license: string;
  readonly outcome: 'allowed' | 'excepted' | 'denied';
  /** Why it is denied, or the reason of the exception. */
  readonly reason?: string;
}

export interface LicenseReport {
  /** One of each third-party package, sorted. Projects of the workspace are not judged. */
  readonly verdicts: readonly LicenseVerdict[];
  /** Exceptions that no package needed. */
  readonly unused: readonly string[];
}

/** All that is wrong with a policy. `where` is the key path that it stands at. */
export function licensePolicyProblems({ allow = [], deny = [], exceptions = [] }: LicensePolicy, where = 'licenses'): readonly string[] {
  const lists = { allow, deny };
  const problems = Object.entries(lists).flatMap(([key, licenses]) => licenses.flatMap((license, index) => {
    const at = `${where}.${key}[${index}]`;
    if (!isExpression(license)) return [`${at}: "${license}" is no SPDX license`];
    return 'conjunction' in parseExpression(license) ? [`${at}: "${license}" joins licenses; name each of them`] : [];
  }));
  for (const [index, exception] of exceptions.entries()) {
    if (exception.reason.trim() === '') problems.push(`${where}.exceptions[${index}].reason: say why ${exception.package} may pass`);
  }
  return problems;
}

/** @throws Error that tells all that is wrong with the policy */
export function judgeLicenses({ components }: Inventory, policy: LicensePolicy): LicenseReport {
  const problems = licensePolicyProblems(policy);
  if (problems.length > 0) throw new Error(problems.join('; '));
  const used = new Set<string>();
  const verdicts = components.filter(({ kind }) => kind === 'package').map((component) => verdictOf(component, policy, used));
  return { verdicts, unused: (policy.exceptions ?? []).map((exception) => exception.package).filter((name) => !used.has(name)) };
}

function verdictOf(component: Component, policy: LicensePolicy, used: Set<string>): LicenseVerdict {
  const { name, version } = component;
  const facts = { package: name, ...(version === undefined ? {} : { version }), license: licenseText(component.license) };
  const reason = whyDenied(component, policy);
  if (reason === undefined) return { ...facts, outcome: 'allowed' };
  const exception = (policy.exceptions ?? []).find((each) => each.package === name || each.package === `${name}@${version ?? ''}`);
  if (exception === undefined) return { ...facts, outcome: 'denied', reason };
  used.add(exception.package);
  return { ...facts, outcome: 'excepted', reason: exception.reason };
}

function whyDenied({ license }: Component, policy: LicensePolicy): string | undefined {
  if (license?.kind === 'expression') return whyExpressionDenied(license.expression, policy);
  // Whether one may choose from a list or has to keep to all of it is not said: all of it must be allowed.
  if (license?.kind === 'list' && license.names.every(isExpression)) return license.names.map((name) => whyExpressionDenied(name, policy)).find((why) => why !== undefined);
  if (policy.unknown === 'allow') return undefined;
  return license === undefined ? 'it names no license, or is not installed' : 'what it names is no SPDX license';
}

function whyExpressionDenied(expression: string, policy: LicensePolicy): string | undefined {
  const denied = new Set<string>();
  const other = new Set<string>();
  if (permitted(parseExpression(expression), policy, denied, other)) return undefined;
  return denied.size > 0 ? `${[...denied].join(', ')} is denied` : `${[...other].join(', ')} is not allowed`;
}

/** One side of an OR is enough; an AND needs both. */
function permitted(tree: Info, policy: LicensePolicy, denied: Set<string>, other: Set<string>): boolean {
  if ('conjunction' in tree) {
    const sides = [tree.left, tree.right].map((side) => permitted(side, policy, denied, other));
    return tree.conjunction === 'or' ? sides.some(Boolean) : sides.every(Boolean);
  }
  const text = leafText(tree);
  if (matches(text, policy.deny ?? [])) {
    denied.add(text);
    return false;
  }
  if (policy.allow === undefined || matches(text, policy.allow)) return true;
  other.add(text);
  return false;
}

function leafText(leaf: Exclude<Info, { readonly conjunction: string }>): string {
  if (!('license' in leaf)) return leaf.licenseRef;
  return `${leaf.license}${leaf.plus === true ? '+' : ''}${leaf.exception === undefined ? '' : ` WITH ${leaf.exception}`}`;
}

function matches(license: string, list: readonly string[]): boolean {
  return list.length > 0 && (list.includes(license) || (!license.includes('LicenseRef-') && satisfies(license, list.filter((each) => !each.includes('LicenseRef-')))));
}
