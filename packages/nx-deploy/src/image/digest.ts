import { createHash } from 'node:crypto';
import type { Digest } from './oci.js';

const PATTERN = /^sha256:[0-9a-f]{64}$/;

/** Is it a digest of the one algorithm that is used here? Registries may offer others; those are refused. */
export function isDigest(text: string): text is Digest {
  return PATTERN.test(text);
}

export function digestOf(content: string | Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}
