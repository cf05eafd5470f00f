/**
 * Names of images as Docker and Podman users write them: `host[:port]/name[:tag][@digest]`.
 * Grammar: distribution/reference; a name without a host is one of docker.io, and one without a slash one of its `library/`.
 */
import { DeployError } from '../../errors.js';
import { isDigest } from '../digest.js';
import type { Digest } from '../oci.js';
import { quoted } from './plain.js';

/** A repository of a registry. */
export interface Repository {
  /** `host`, `host:port` or `[ipv6]:port`, in lower case; Docker Hub is `docker.io`. */
  readonly registry: string;
  /** Path on the registry, without slashes at its ends. */
  readonly name: string;
}

/** With both, the digest says what it is and the tag is only for people. */
export interface Reference extends Repository {
  readonly tag?: string;
  readonly digest?: Digest;
}

const LONGEST = 1_000;
const LONGEST_NAME = 255;
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const HOST = new RegExp(`^(?:${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]{2,45}\\])(?::[0-9]{1,5})?$`);
const PART = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
/** Where the content of docker.io is. */
export const HUB_HOST = ['registry-1', 'docker.io'].join('.');
export const HUB_NAMES: readonly string[] = ['docker.io', 'index.docker.io', HUB_HOST];

/** @throws DeployError ND-IMAGE-REFERENCE that names the part that is wrong. */
export function parseReference(text: string): Reference {
  if (text.length > LONGEST) throw invalid(text, `it is longer than ${LONGEST} characters`);
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const rest = at < 0 ? text : text.slice(0, at);
  const colon = rest.lastIndexOf(':');
  const tagged = colon > rest.lastIndexOf('/');
  const tag = tagged ? rest.slice(colon + 1) : undefined;
  if (tag !== undefined && !TAG.test(tag)) throw invalid(text, `a tag has 1 to 128 letters, digits, "_", "." and "-", and begins with none of the last two; ${quoted(tag)} is none`);
  if (digest !== undefined && !isDigest(digest)) throw invalid(text, `a digest is "sha256:" and 64 digits of 0-9a-f; ${quoted(digest)} is none`);
  return { ...parseRepository(tagged ? rest.slice(0, colon) : rest, text), ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** A name without tag and digest. `whole` is what the message quotes. @throws DeployError ND-IMAGE-REFERENCE */
export function parseRepository(text: string, whole: string = text): Repository {
  // Before letters are made lower case: that would turn signs such as the one for kelvin into letters.
  if (/[^!-~]/.test(text)) throw invalid(whole, 'a name has no spaces, and no characters beyond ASCII');
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const hosted = /[.:[]/.test(first) || first.toLowerCase() === 'localhost' || (first !== '' && first !== first.toLowerCase());
  const registry = hosted ? host(first, whole) : 'docker.io';
  const path = hosted ? text.slice(slash + 1) : text;
  const name = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  if (path === '') throw invalid(whole, 'the name is empty');
  if (!hosted && /^[0-9a-f]{64}$/.test(path)) throw invalid(whole, 'it is an image id; an image is named by its repository');
  if (path !== path.toLowerCase()) throw invalid(whole, `a name is in lower case, ${quoted(path)} is not`);
  const wrong = name.split('/').find((part) => !PART.test(part));
  if (wrong !== undefined) throw invalid(whole, `a part of a name has letters a-z and digits, and single ".", "_", "__" or dashes between them; ${quoted(wrong)} is none`);
  if (registry.length + 1 + name.length > LONGEST_NAME) throw invalid(whole, `host and name are longer than ${LONGEST_NAME} characters`);
  return { registry, name };
}

function host(text: string, whole: string): string {
  const lower = text.toLowerCase();
  const port = /:([0-9]+)$/.exec(lower)?.[1];
  if (!HOST.test(lower) || !URL.canParse(`https://${lower}/`) || port === '0') throw invalid(whole, `${quoted(text)} is no host with an optional port`);
  return HUB_NAMES.includes(lower) ? 'docker.io' : lower;
}

/** The whole name, as every tool understands it. */
export function formatReference(reference: Reference): string {
  const { registry, name, tag, digest } = reference;
  return `${registry}/${name}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** The short name that Docker prints: without `docker.io/` and `library/`. */
export function familiarReference(reference: Reference): string {
  const whole = formatReference(reference);
  const short = whole.replace(/^docker\.io\/(?:library\/(?=[^/]+$))?/, '');
  // A first part that reads as a host would make another name of it.
  return /^[^/]*[.:][^/]*\//.test(short) || short.startsWith('localhost/') ? whole : short;
}

/** `latest` where neither tag nor digest stands, as everywhere else. */
export function withTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined ? { ...reference, tag: 'latest' } : reference;
}

/** Checks a tag on its own, such as one that a template gave. @throws DeployError ND-IMAGE-REFERENCE */
export function checkTag(tag: string): string {
  if (!TAG.test(tag)) throw invalid(tag, 'a tag has 1 to 128 letters, digits, "_", "." and "-", and begins with none of the last two');
  return tag;
}

function invalid(text: string, why: string): DeployError {
  return new DeployError('ND-IMAGE-REFERENCE', {
    what: `${quoted(text)} does not name an image`, why,
    next: 'write it as host:port/name:tag, for example node:22-slim or images.example.com/team/api:1.2.0',
  });
}
