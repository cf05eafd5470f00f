/** checksums.links.json: the symbolic links of a folder, which a list of digests cannot tell of. It is a file of checksums.txt like any other. */
import { unsafePath } from './safe-path.js';

export interface Link {
  /** Relative to the folder of the list, with `/`. */
  readonly path: string;
  /** As it stands in the link: relative to the folder that the link lies in. */
  readonly target: string;
}

/** Links that are followed for one path; a system gives up near to that. */
const MOST_HOPS = 40;

/** Text of the list, sorted by path, by UTF-16 code units. */
export function formatLinks(links: readonly Link[]): string {
  const sorted = [...links].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0)).map(({ path, target }) => ({ path, target }));
  return `${JSON.stringify({ schema: 1, links: sorted }, undefined, 2)}\n`;
}

/** Reads a list that {@link formatLinks} could have written, and no other, or says what is wrong in words that go on after its name. */
export function parseLinks(text: string): readonly Link[] | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is no JSON';
  }
  const links = typeof value === 'object' && value !== null && 'links' in value && Array.isArray(value.links) && value.links.every(isLink) ? value.links : undefined;
  return links === undefined || formatLinks(links) !== text ? 'is not in the form in which it is written' : links;
}

function isLink(value: unknown): value is Link {
  return typeof value === 'object' && value !== null && 'path' in value && typeof value.path === 'string' && 'target' in value && typeof value.target === 'string';
}

/** Each link that is no link of such a folder, and why in words that go on after its name. A link may lead to nothing, and not out of the folder. */
export function linkProblems(links: readonly Link[]): readonly { readonly file: string; readonly problem: string }[] {
  const targets = new Map(links.map(({ path, target }) => [path, target]));
  const seen = new Set<string>();
  return links.flatMap(({ path, target }) => {
    const problem = seen.has(path) ? 'is listed twice' : unsafePath(path) ?? (target === '' || target.includes('\0') ? 'is a link without a target' : follow(path, targets) ? undefined : 'leads out of the folder, or never ends');
    seen.add(path);
    return problem === undefined ? [] : [{ file: path, problem }];
  });
}

/** Does the path stay in the folder once each link on it is followed, and does that end? */
function follow(path: string, links: ReadonlyMap<string, string>): boolean {
  const at: string[] = [];
  const todo = path.split('/');
  for (let hops = 0; todo.length > 0;) {
    const part = todo.shift() ?? '';
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at.pop() === undefined) return false;
      continue;
    }
    at.push(part);
    const target = links.get(at.join('/'));
    if (target === undefined) continue;
    hops += 1;
    if (target.startsWith('/') || hops > MOST_HOPS) return false;
    at.pop();
    todo.unshift(...target.split('/'));
  }
  return true;
}
