import type { Platform } from '../oci.js';

/** Names as an image has them; libc is undefined where there is none to choose. */
export interface Machine {
  readonly os: string;
  readonly architecture: string;
  readonly libc: 'glibc' | 'musl' | undefined;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

let libc: Machine['libc'];

/** The report tells it; without the network part, which may wait for a name server. */
function libcHere(): Machine['libc'] {
  // Since Node 20.13; the types of Node 20 do not know it.
  const report: NodeJS.ProcessReport & { excludeNetwork?: boolean } = process.report;
  const before = report.excludeNetwork ?? false;
  report.excludeNetwork = true;
  const { header } = report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}

/** What the image runs on. Of a base only the name is known here: those of Alpine have musl, the others of Linux glibc. */
export function targetMachine(platform: Platform, base: string): Machine {
  return { os: platform.os, architecture: platform.architecture, libc: platform.os !== 'linux' ? undefined : /alpine|musl/i.test(base) ? 'musl' : 'glibc' };
}

export function sameMachine(a: Machine, b: Machine): boolean {
  return a.os === b.os && a.architecture === b.architecture && a.libc === b.libc;
}

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const { platform, arch } = process;
  return { os: platform === 'win32' ? 'windows' : platform, architecture: ARCHITECTURES[arch] ?? arch, libc: platform === 'linux' ? (libc ??= libcHere()) : undefined };
}

/** The architecture as Node and npm call it. */
export function nodeArchitecture({ architecture }: Pick<Machine, 'architecture'>): string {
  return Object.entries(ARCHITECTURES).find(([, name]) => name === architecture)?.[0] ?? architecture;
}
