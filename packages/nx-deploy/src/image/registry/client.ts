/** Registries, for as long as one command runs: connections, tokens and credentials are kept between its calls. */
import type { Readable } from 'node:stream';
import type { Ms } from '../../model/index.js';
import type { Descriptor } from '../oci.js';
import { findCredential } from './credentials.js';
import { openBlob, pullBlob, pullManifest, resolve, type PulledManifest, type PullOptions } from './pull.js';
import { pushImage, type PushOptions, type PushResult, type PushSource } from './push.js';
import type { Reference, Repository } from './reference.js';
import { RETRY_POLICY, type RetryPolicy } from './retry.js';
import { Session } from './session.js';
import { openTransport } from './transport.js';

export interface RegistriesOptions {
  /** Where proxies, and the files and helpers of credentials, are looked for. */
  readonly env: NodeJS.ProcessEnv;
  /** Hosts (`host` or `host:port`) that may be plain http although they are not loopback. */
  readonly plainHttp?: readonly string[];
  /** After so long without a byte a request is given up and tried again; 30 s by default. */
  readonly quiet?: Ms;
  readonly retry?: Partial<RetryPolicy>;
}

/** All methods throw DeployError: ND-REGISTRY-*, ND-IMAGE-UNSUPPORTED, ND-CANCELLED. */
export interface Registries {
  /** What a reference means now; deploy takes the digest, never a tag. */
  resolve(reference: Reference, options?: PullOptions): Promise<Descriptor>;
  /** @param expected from an index or `resolve`; the digest in it is what is pulled. */
  manifest(reference: Reference, expected?: Descriptor, options?: PullOptions): Promise<PulledManifest>;
  /** A stream that fails before its end when digest or size is wrong. */
  openBlob(repository: Repository, blob: Descriptor, options?: PullOptions): Readable;
  /** Gives the content to `sink`, a second time when it was wrong the first time. */
  blob<T>(repository: Repository, blob: Descriptor, sink: (content: Readable) => Promise<T>, options?: PullOptions): Promise<T>;
  push(repository: Repository, source: PushSource, options: PushOptions): Promise<PushResult>;
  /** What is asked of it soon takes a round trip less. */
  greet(repository: Repository): void;
  close(): void;
}

const QUIET: Ms = 30_000;

export function openRegistries({ env, plainHttp = [], quiet = QUIET, retry = {} }: RegistriesOptions): Registries {
  const transport = openTransport(env);
  const sessions = new Map<string, Session>();
  const session = ({ registry }: Repository): Session => {
    const known = sessions.get(registry) ?? new Session({
      registry, transport, plainHttp, quiet, retry: { ...RETRY_POLICY, ...retry }, findCredential: (repository) => findCredential(repository, env),
    });
    sessions.set(registry, known);
    return known;
  };
  return {
    resolve: (reference, options = {}) => resolve(session(reference), reference, options),
    manifest: (reference, expected, options = {}) => pullManifest(session(reference), reference, options, expected),
    openBlob: (repository, blob, options = {}) => openBlob(session(repository), repository, blob, options),
    blob: (repository, blob, sink, options = {}) => pullBlob(session(repository), repository, blob, sink, options),
    push: (repository, source, options) => pushImage(session(repository), repository, source, options),
    greet: (repository) => session(repository).greet(),
    close: () => transport.close(),
  };
}
