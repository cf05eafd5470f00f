/** Ranges of versions as package.json writes them (https://github.com/npm/node-semver#ranges), without prereleases, which no range of engines has. */

type Version = readonly [major: number, minor: number, patch: number];

/** Every version `from` (inclusive) `to` (exclusive); undefined: no bound. */
interface Span {
  readonly from?: Version;
  readonly to?: Version;
}

const PART = '(?:0|[1-9]\\d{0,8}|[xX*])';
const PARTIAL = `[v=]?\\s*(${PART})(?:\\.(${PART})(?:\\.(${PART}))?)?`;
const COMPARATOR = new RegExp(`^(\\^|~>?|>=|<=|>|<|=)?\\s*${PARTIAL}$`);
const HYPHEN = new RegExp(`^${PARTIAL}\\s+-\\s+${PARTIAL}$`);

/** Undefined when the range cannot be read. A version behind a dash (a prerelease) counts as what it leads to. */
export function satisfies(version: string, range: string): boolean | undefined {
  const parsed = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  const spans = spansOf(range);
  if (parsed === null || spans === undefined) return undefined;
  const wanted: Version = [Number(parsed[1]), Number(parsed[2]), Number(parsed[3])];
  return spans.some((all) => all.every(({ from, to }) => (from === undefined || compare(wanted, from) >= 0) && (to === undefined || compare(wanted, to) < 0)));
}

export function isRange(range: string): boolean {
  return spansOf(range) !== undefined;
}

/** One list for each side of `||`, all of whose spans must hold. */
function spansOf(range: string): readonly (readonly Span[])[] | undefined {
  const sides = range.split('||').map((side) => sideOf(side.trim()));
  return sides.every((side) => side !== undefined) ? sides : undefined;
}

function sideOf(side: string): readonly Span[] | undefined {
  if (side === '' || side === '*') return [{}];
  const hyphen = HYPHEN.exec(side);
  if (hyphen !== null) return [{ from: floor(hyphen.slice(1, 4)), ...bounded('to', after(hyphen.slice(4, 7))) }];
  // A space may stand between an operator and its version.
  const words = side.replace(/([\^~<>=]+)\s+/g, '$1').split(/\s+/);
  const spans = words.map(spanOf);
  return spans.every((span) => span !== undefined) ? spans : undefined;
}

function spanOf(word: string): Span | undefined {
  const match = COMPARATOR.exec(word);
  if (match === null) return undefined;
  const [, operator = ''] = match;
  const parts = match.slice(2, 5);
  const low = floor(parts);
  const next = after(parts);
  switch (operator) {
    case '>=': return { from: low };
    case '<': return { to: low };
    case '>': return next === undefined ? { to: [0, 0, 0] } : { from: next };
    case '<=': return bounded('to', next);
    case '^': return { from: low, ...bounded('to', caret(parts, low)) };
    case '~': case '~>': return { from: low, ...bounded('to', isFree(parts[0]) ? undefined : isFree(parts[1]) ? [low[0] + 1, 0, 0] : [low[0], low[1] + 1, 0]) };
    default: return { from: low, ...bounded('to', next) };
  }
}

function bounded(key: 'to', version: Version | undefined): Span {
  return version === undefined ? {} : { [key]: version };
}

function isFree(part: string | undefined): boolean {
  return part === undefined || /^[xX*]$/.test(part);
}

/** The lowest version that the parts can mean. */
function floor(parts: readonly (string | undefined)[]): Version {
  const [major, minor, patch] = parts;
  if (isFree(major)) return [0, 0, 0];
  if (isFree(minor)) return [Number(major), 0, 0];
  return [Number(major), Number(minor), isFree(patch) ? 0 : Number(patch)];
}

/** The first version behind all that the parts can mean; undefined when that is every one. */
function after(parts: readonly (string | undefined)[]): Version | undefined {
  const [major, minor, patch] = parts;
  const low = floor(parts);
  if (isFree(major)) return undefined;
  if (isFree(minor)) return [low[0] + 1, 0, 0];
  return isFree(patch) ? [low[0], low[1] + 1, 0] : [low[0], low[1], low[2] + 1];
}

function caret([major, minor, patch]: readonly (string | undefined)[], low: Version): Version | undefined {
  if (isFree(major)) return undefined;
  if (low[0] > 0 || isFree(minor)) return [low[0] + 1, 0, 0];
  return low[1] > 0 || isFree(patch) ? [0, low[1] + 1, 0] : [0, 0, low[2] + 1];
}

function compare(a: Version, b: Version): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}
