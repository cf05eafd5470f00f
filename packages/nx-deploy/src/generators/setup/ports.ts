/** Public ports for new environments: none that a deploy.json of the workspace has already. */
import { getProjects, joinPathFragments } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { child, readLoose } from './loose-json.js';

const FIRST = 8080;
const LAST = 65_535;

/** Gives a free port with each call, from `first` on; `first` itself is given even when it is used, because a person asked for it. */
export function portSource(tree: Tree, first: number | undefined): () => number {
  const used = usedPorts(tree);
  let next = first ?? FIRST;
  let asked = first !== undefined;
  return () => {
    while (!asked && used.has(next) && next < LAST) next += 1;
    asked = false;
    used.add(next);
    return next;
  };
}

function usedPorts(tree: Tree): Set<number> {
  const ports = [...getProjects(tree).values()].flatMap(({ root }) => {
    const environments = child(readLoose(tree, joinPathFragments(root, 'deploy.json')), 'environments');
    const listens = typeof environments === 'object' && environments !== null ? Object.values(environments).map((each) => child(each, 'listen')) : [];
    return listens.map((listen) => (typeof listen === 'number' ? listen : child(listen, 'port')));
  });
  return new Set(ports.filter((port) => typeof port === 'number'));
}
