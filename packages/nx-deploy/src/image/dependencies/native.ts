import { quoted } from '../../archive/manifest.js';
import { sameMachine, type Machine } from './machine.js';
import { packageOf } from './packages.js';

/** What to know about addons that were compiled or fetched for this machine and go into an image for another one: one line, or none. */
export function foreignAddons(files: readonly { readonly path: string }[], target: Machine, here: () => Machine): string[] {
  const names = new Set(files.filter(({ path }) => path.endsWith('.node')).map(({ path }) => packageOf(path)?.name ?? path));
  // To find out what this machine is takes longer than the rest.
  if (names.size === 0 || sameMachine(target, here())) return [];
  const where = [target.os, target.architecture, target.libc].filter((part) => part !== undefined).join(', ');
  return [`native addons of this machine may not load in an image for ${where}: ${[...names].sort().map(quoted).join(', ')}; dependencies "installed" takes those of the platform`];
}
