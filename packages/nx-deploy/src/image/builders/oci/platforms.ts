/** Which platforms are asked for, and which image of a base fits each. */
import { DeployError } from '../../../errors.js';
import { asPlatform, platformName } from '../../layout/documents.js';
import type { Platform } from '../../oci.js';
import { quoted } from '../../registry/plain.js';

/** Node's names of processors where the specification (Go's GOARCH) has others. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', arm64: 'arm64', arm: 'arm', ppc64: 'ppc64le', s390x: 's390x', riscv64: 'riscv64', loong64: 'loong64' };
const SYSTEMS: Readonly<Record<string, string>> = { win32: 'windows' };
/** What stands for no variant, and for no variant of arm (containerd, `platforms.Normalize`). */
const USUAL: Readonly<Record<string, string>> = { amd64: 'v1', arm64: 'v8', arm: 'v7' };

/** `linux/arm64` or `linux/arm/v7`, each once. @throws DeployError ND-CONFIG-INVALID with every one that is none. */
export function parsePlatforms(texts: readonly string[]): readonly Platform[] {
  const problems: string[] = [];
  const found = new Map<string, Platform>();
  for (const [index, text] of texts.entries()) {
    const platform = parsePlatform(text);
    const where = `platforms[${index}]`;
    if (platform === undefined) problems.push(`${where}: must be os/architecture or os/architecture/variant, for example linux/arm64, got ${quoted(text)}`);
    else if (found.has(normal(platform))) problems.push(`${where}: ${text} is the same as another one`);
    else found.set(normal(platform), platform);
  }
  if (texts.length === 0) problems.push('platforms: must name at least one');
  if (problems.length > 0) throw new DeployError('ND-CONFIG-INVALID', { what: 'the platforms of the image are not valid', problems, next: 'correct the artifact\'s platforms in deploy.json' });
  return [...found.values()];
}

function parsePlatform(text: string): Platform | undefined {
  const [os, architecture, variant, ...rest] = text.split('/');
  if (os === undefined || architecture === undefined || variant === '' || rest.length > 0) return undefined;
  try {
    return asPlatform({ os, architecture, ...(variant === undefined ? {} : { variant }) }, text);
  } catch {
    return undefined;
  }
}

/** The one that fits; `linux/arm64` and `linux/arm64/v8` are the same. */
export function pick<T>(candidates: readonly T[], platformOf: (candidate: T) => Platform | undefined, asked: Platform): T | undefined {
  return candidates.find((candidate) => {
    const platform = platformOf(candidate);
    return platform !== undefined && normal(platform) === normal(asked);
  });
}

/** @param there platforms that the base has */
export function noSuchPlatform(asked: Platform, base: string, there: readonly Platform[]): DeployError {
  const names = [...new Set(there.map(platformName))].sort();
  return new DeployError('ND-IMAGE-UNSUPPORTED', {
    what: `the base image has no ${platformName(asked)}`, where: base, why: names.length === 0 ? 'it names no platform at all' : `it has ${names.join(', ')}`,
    next: 'take one of these as platforms in deploy.json, or another base',
  });
}

/** Can programs of that platform run here? Says nothing of the C library. */
export function isThisMachine({ os, architecture }: Platform): boolean {
  const here = thisMachine();
  return here.os === os && here.architecture === architecture;
}

export function thisMachine(): Platform {
  return { os: SYSTEMS[process.platform] ?? process.platform, architecture: ARCHITECTURES[process.arch] ?? process.arch };
}

function normal({ os, architecture, variant }: Platform): string {
  const usual = USUAL[architecture];
  return platformName({ os, architecture, variant: variant ?? usual ?? '' });
}
