/** What the official HAProxy image is for the router, made of this machine's own programs: HAProxy, and what its scripts need. */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Entry } from 'nx-deploy/dist/image/layer/index.js';
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

/** A HAProxy of a later line than this machine's own, by tools/signing/newer-programs.sh. */
export const NEWER_HAPROXY = 'haproxy-newer';

/** With it come the libraries that it was made with: a program of an older release runs with those as well. */
function newerFiles(): readonly Entry[] {
  const program = find(NEWER_HAPROXY);
  if (program === undefined) throw new Error(`not installed: ${NEWER_HAPROXY}`);
  const lines = readFileSync(join(dirname(dirname(program)), 'haproxy.files'), 'utf8').trim().split('\n');
  return lines.map((line) => line.split(' ')).map(([path = '', source = '']): Entry => ({ path, type: 'file', mode: 0o755, source: realpathSync(source) }));
}

/** Its user is HAProxy's, 99, as in the official image. `which`: this machine's own HAProxy, or a newer one. */
export function makeHaproxyImage(folder: string, which: 'own' | 'newer' = 'own'): Promise<BaseImage> {
  const program = (name: string): { readonly path: string; readonly source: string } => {
    const source = find(name);
    if (source === undefined) throw new Error(`not installed: ${name}`);
    return { path: `usr/local/bin/${name}`, source };
  };
  const own = (): Entry[] => [
    ...programEntries(['haproxy', 'flock', 'perl'].map(program), APPLETS),
    ...readdirSync(perlBase(), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map(({ parentPath, name }) => {
      const source = join(parentPath, name);
      return { path: source.slice(1), type: 'file' as const, mode: 0o644, source };
    }),
  ];
  const files = (): Entry[] => {
    const newer = which === 'own' ? [] : newerFiles();
    const replaced = new Set(newer.map(({ path }) => path));
    return [...own().filter(({ path }) => !replaced.has(path)), ...newer];
  };
  return makeImage(folder, [OWN_PLATFORM], files, { User: '99:99', Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'], Cmd: ['haproxy', '-v'] });
}
