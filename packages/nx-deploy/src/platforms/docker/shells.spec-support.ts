/** Shells of this machine that can run a keeper, as an engine's containers have them. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { find } from '../../../../../tools/bench/programs.js';
import { hold, type Held } from '../../shell/engine/held.js';
import { Keeper, keeperArguments, type KeeperOptions } from './keeper.js';

export interface Shell {
  readonly name: string;
  /** Path of a program that is a POSIX shell; undefined where this machine has none of the kind. */
  readonly program: string | undefined;
  /** PATH of its programs. */
  readonly path: string;
}

const APPLETS = ['sh', 'cat', 'dd', 'ln', 'mkdir', 'mv', 'rm', 'sleep', 'sync', 'timeout', 'wc'];

/** @param folder gets links to the programs of busybox */
export function shellsIn(folder: string): readonly Shell[] {
  const busybox = find('busybox');
  const system = [...new Set(['dd', 'timeout', 'sync', 'flock'].flatMap((name) => find(name) ?? []).map((file) => dirname(file)))].join(':');
  mkdirSync(folder, { recursive: true });
  if (busybox !== undefined) for (const name of APPLETS) symlinkSync(busybox, join(folder, name));
  // Debian's busybox has none.
  const flock = find('flock');
  if (flock !== undefined) symlinkSync(flock, join(folder, 'flock'));
  return [
    { name: 'busybox, as in Alpine', program: busybox === undefined ? undefined : join(folder, 'sh'), path: folder },
    { name: 'dash and coreutils, as in Debian', program: find('dash'), path: system },
    // It reads as busybox does, and has dash's programs.
    ...(process.env['NX_DEPLOY_SOAK'] === '1' ? [{ name: 'bash and coreutils', program: find('bash'), path: system }] : []),
  ];
}

/** As a container would run it; `beside` is told what is held. */
export async function keeperOf({ program = 'sh', path }: Shell, folder: string, { limit = 30, beside, ...options }: { readonly limit?: number; readonly beside?: (held: Held) => void } & Omit<KeeperOptions, 'folder'> = {}): Promise<Keeper> {
  const held = (args: readonly string[]): Promise<Held> => {
    const started = hold([program, ...args], { PATH: path });
    beside?.(started);
    return Promise.resolve(started);
  };
  const opened = await Keeper.open({ name: 'here', hold: held }, keeperArguments(limit, { folder, ...options }));
  if (!(opened instanceof Keeper)) throw new Error(JSON.stringify(opened));
  return opened;
}
