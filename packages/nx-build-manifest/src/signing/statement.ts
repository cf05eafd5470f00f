/**
 * The in-toto Statement (in-toto attestation framework v1, "Statement") with a SLSA provenance (SLSA v1, "Provenance"). It says what the builder says of itself:
 * SLSA build level 1, provenance exists. Nothing here is isolated, so a higher level is never claimed.
 */
import { canonicalize } from 'json-canonicalize';

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';
export const PREDICATE_TYPE = 'https://slsa.dev/provenance/v1';
export const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
/** Names what `externalParameters` and `internalParameters` mean; docs/signing.md describes them. */
export const BUILD_TYPE = 'urn:nx-build-manifest:build:v1';
export const LOCAL_BUILDER = 'urn:nx-build-manifest:local';

/** What is known of the build whose files are signed. What is not known stays absent. */
export interface BuildSubject {
  /** Service or project. */
  readonly name: string;
  readonly version?: string;
  readonly buildId?: string;
  /** URI of who builds: it names a system that the verifier can decide to trust. Default: {@link LOCAL_BUILDER}. */
  readonly builder?: string;
  /** URI of the run, the page of a CI job say. */
  readonly invocation?: string;
  readonly source?: {
    /** As SPDX spells it: `git+https://example.com/shop.git`. Without it the commit has no place to be found in. */
    readonly repository?: string;
    readonly commit: string;
    /** Without `refs/heads/`. */
    readonly branch?: string;
    /** true when tracked files differ from the commit. */
    readonly dirty: boolean;
  };
  /** Further inputs by name, the lock file say: SHA-256 of the content, hexadecimal. */
  readonly inputs?: readonly { readonly name: string; readonly sha256: string }[];
  /** Names and values the caller chose: target, configuration. Never a secret. */
  readonly parameters?: Readonly<Record<string, string>>;
}

interface Resource {
  readonly name?: string;
  readonly uri?: string;
  readonly digest: Readonly<Record<string, string>>;
  /** Of the source without a repository: `branch`. */
  readonly annotations?: Readonly<Record<string, unknown>>;
}

export interface Statement {
  readonly _type: string;
  readonly subject: readonly Resource[];
  readonly predicateType: string;
  readonly predicate: {
    readonly buildDefinition: {
      readonly buildType: string;
      readonly externalParameters: Readonly<Record<string, unknown>>;
      readonly internalParameters: { readonly dirty?: boolean };
      readonly resolvedDependencies: readonly Resource[];
    };
    readonly runDetails: {
      readonly builder: { readonly id: string };
      readonly metadata?: { readonly invocationId: string };
    };
  };
}

/** With a repository as SLSA's own build types spell it: `{repository}@refs/heads/{branch}`. */
function sourceOf({ repository, branch, commit }: NonNullable<BuildSubject['source']>): Resource {
  const digest = { gitCommit: commit };
  if (repository !== undefined) return { uri: `${repository}${branch === undefined ? '' : `@refs/heads/${branch}`}`, digest };
  return { name: 'source', digest, ...(branch === undefined ? {} : { annotations: { branch } }) };
}

/** Resources and parameters in a fixed order: the same facts give the same bytes. */
export function statementOf(build: BuildSubject, subjects: readonly { readonly path: string; readonly sha256: string }[]): Statement {
  const { source, inputs = [] } = build;
  const commit = source === undefined ? [] : [sourceOf(source)];
  return {
    _type: STATEMENT_TYPE,
    subject: subjects.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
    predicateType: PREDICATE_TYPE,
    predicate: {
      buildDefinition: {
        buildType: BUILD_TYPE,
        externalParameters: {
          name: build.name,
          ...(build.version === undefined ? {} : { version: build.version }),
          ...(build.buildId === undefined ? {} : { buildId: build.buildId }),
          ...(build.parameters === undefined ? {} : { parameters: build.parameters }),
        },
        internalParameters: source === undefined ? {} : { dirty: source.dirty },
        resolvedDependencies: [...commit, ...inputs.map(({ name, sha256 }) => ({ name, digest: { sha256 } }))],
      },
      runDetails: {
        builder: { id: build.builder ?? LOCAL_BUILDER },
        ...(build.invocation === undefined ? {} : { metadata: { invocationId: build.invocation } }),
      },
    },
  };
}

/** Canonical JSON (RFC 8785) in UTF-8: these bytes are what is signed. */
export function statementBytes(statement: Statement): Buffer {
  return Buffer.from(canonicalize(statement), 'utf8');
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A statement of the kind that {@link statementBytes} makes, or why it is none in words. */
export function readStatement(bytes: Buffer): Statement | string {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return 'its statement is no JSON';
  }
  if (!isRecord(value) || value['_type'] !== STATEMENT_TYPE || value['predicateType'] !== PREDICATE_TYPE) return 'it signs something else than a SLSA provenance';
  const { subject, predicate } = value;
  const definition = isRecord(predicate) ? predicate['buildDefinition'] : undefined;
  const details = isRecord(predicate) ? predicate['runDetails'] : undefined;
  const builder = isRecord(details) ? details['builder'] : undefined;
  const complete = Array.isArray(subject) && subject.every(isResource) && isRecord(definition) && definition['buildType'] === BUILD_TYPE && isRecord(definition['internalParameters'])
    && Array.isArray(definition['resolvedDependencies']) && definition['resolvedDependencies'].every(isResource) && isRecord(builder) && typeof builder['id'] === 'string';
  return complete ? value as unknown as Statement : 'its provenance is of another build type, or incomplete';
}

function isResource(value: unknown): boolean {
  return isRecord(value) && isRecord(value['digest']);
}
