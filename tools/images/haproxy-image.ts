/** What the official HAProxy image is for the router, made of this machine's own programs: HAProxy, and what its scripts need. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { find } from '../bench/programs.js';
import { makeImage, OWN_PLATFORM, programEntries, type BaseImage } from './base-image.js';

/** Perl's own modules, as Debian's essential package has them, which is also in the official image. */
function perlBase(): string {
  const folder = readdirSync('/usr/lib').map((name) => join('/usr/lib', name, 'perl-base')).find((path) => existsSync(path));
  if (folder === undefined) throw new Error('not installed: perl-base');
  return folder;
}

const APPLETS = ['sh', 'cat', 'cp', 'dd', 'find', 'grep', 'head', 'id', 'kill', 'ln', 'ls', 'mkdir', 'mv', 'printf', 'rm', 'sed', 'sleep', 'stat', 'sync', 'tar', 'test', 'timeout', 'wc', 'wget'];

export const HAPROXY_PROGRAMS = ['haproxy', 'flock', 'perl', 'busybox'] as const;

/** Its user is HAProxy's, 99, as in the official image. */
export function makeHaproxyImage(folder: string): Promise<BaseImage> {
  const program = (name: string): { readonly path: string; readonly source: string } => {
    const source = find(name);
    if (source === undefined) throw new Error(`not installed: ${name}`);
    return { path: `usr/local/bin/${name}`, source };
  };
  const files = () => [
    ...programEntries(['haproxy', 'flock', 'perl'].map(program), APPLETS),
    ...readdirSync(perlBase(), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ parentPath, name }) => {
      const source = join(parentPath, name);
      return { path: source.slice(1), type: 'file' as const, mode: 0o644, source };
    }),
  ];
  return makeImage(folder, [OWN_PLATFORM], files, { User: '99:99', Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['haproxy', '-v'] });
}
