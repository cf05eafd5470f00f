/** Which of two versions of nx-deploy is the newer one: an agent is not replaced by an older one. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

/** Version of the package that these bundles belong to; undefined when they belong to none. */
export function packageVersion(bundles: string): string | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(join(bundles, '../../package.json'), 'utf8'));
    if (typeof value !== 'object' || value === null || !('name' in value) || value.name !== 'nx-deploy' || !('version' in value)) return undefined;
    return typeof value.version === 'string' && VERSION.test(value.version) ? value.version : undefined;
  } catch {
    return undefined;
  }
}

/** Semantic Versioning 2.0.0, 11. False where one of them is no version: nothing is known then. */
export function isNewer(version: string, than: string | undefined): boolean {
  const [one, other] = [VERSION.exec(version), VERSION.exec(than ?? '')];
  if (one === null || other === null) return false;
  for (const part of [1, 2, 3]) {
    const difference = Number(one[part]) - Number(other[part]);
    if (difference !== 0) return difference > 0;
  }
  return comparePre(one[4], other[4]) > 0;
}

/** Without a pre-release part it is the newer one. */
function comparePre(one: string | undefined, other: string | undefined): number {
  if (one === undefined || other === undefined) return Number(one === undefined) - Number(other === undefined);
  const [ones, others] = [one.split('.'), other.split('.')];
  for (const [index, part] of ones.entries()) {
    const against = others[index];
    if (against === undefined) return 1;
    const order = comparePart(part, against);
    if (order !== 0) return order;
  }
  return ones.length - others.length;
}

/** Numbers come before words. */
function comparePart(one: string, other: string): number {
  const [oneCounts, otherCounts] = [/^\d+$/.test(one), /^\d+$/.test(other)];
  if (oneCounts && otherCounts) return Number(one) - Number(other);
  if (oneCounts !== otherCounts) return oneCounts ? -1 : 1;
  return one < other ? -1 : one > other ? 1 : 0;
}
