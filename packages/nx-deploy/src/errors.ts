/**
 * The one error type of this package. Every error says what happened, where, why and what to do next,
 * and carries a code that docs/errors.md explains.
 */

/** How a command ends because of the error; the bin's exit code follows from it (see commands/outcome.ts). */
export type Severity = 'refused' | 'failed' | 'not-restored';

/** Every code that can reach a user. A test compares this list with docs/errors.md. */
export const ERROR_CODES = {
  'ND-ABILITY-MISSING': 'refused',
  'ND-AGENT-FAILED': 'failed',
  'ND-AGENT-SILENT': 'failed',
  'ND-AGENT-STOPPING': 'refused',
  'ND-AGENT-VERSION': 'refused',
  'ND-ARTIFACT-CHANGED': 'refused',
  'ND-ARTIFACT-MISSING': 'refused',
  'ND-ARTIFACT-UNSAFE': 'refused',
  'ND-BUNDLE-FORBIDDEN': 'refused',
  'ND-CANCELLED': 'failed',
  'ND-CONFIG-INVALID': 'refused',
  'ND-CONFIG-MISSING': 'refused',
  'ND-DEADLINE': 'failed',
  'ND-DISK-FULL': 'failed',
  'ND-ENGINE-FAILED': 'failed',
  'ND-ENGINE-MISSING': 'refused',
  'ND-ENGINE-UNREACHABLE': 'refused',
  'ND-ENGINE-UNSUPPORTED': 'refused',
  'ND-ENVIRONMENT-INVALID': 'refused',
  'ND-ENVIRONMENT-UNKNOWN': 'refused',
  'ND-GATE-FAILED': 'failed',
  'ND-GATE-INCONCLUSIVE': 'failed',
  'ND-GIT-FAILED': 'refused',
  'ND-HOOK-FAILED': 'failed',
  'ND-IMAGE-BUILD-FAILED': 'failed',
  'ND-IMAGE-INCOMPLETE': 'refused',
  'ND-IMAGE-INVALID': 'refused',
  'ND-IMAGE-REFERENCE': 'refused',
  'ND-IMAGE-SMOKE': 'failed',
  'ND-IMAGE-STORE': 'failed',
  'ND-IMAGE-UNSUPPORTED': 'refused',
  'ND-INSTALL-FAILED': 'failed',
  'ND-INTERNAL': 'failed',
  'ND-INTERRUPTED': 'not-restored',
  'ND-LEASE-LOST': 'not-restored',
  'ND-LISTEN-CONFLICT': 'refused',
  'ND-LOCKED': 'refused',
  'ND-LOCKFILE': 'refused',
  'ND-NOT-CONFIRMED': 'refused',
  'ND-NOT-DEPLOYED': 'refused',
  'ND-NOT-INTERRUPTED': 'refused',
  'ND-NOT-LOCKED': 'refused',
  'ND-NOT-PAUSED': 'refused',
  'ND-NOT-READY': 'failed',
  'ND-NOT-RESTORED': 'not-restored',
  'ND-OPTION-INVALID': 'refused',
  'ND-OWNER-CONFLICT': 'refused',
  'ND-PACKAGE-INCOMPATIBLE': 'refused',
  'ND-PACKAGE-INVALID': 'refused',
  'ND-PACKAGE-MISSING': 'refused',
  'ND-PACKAGE-REFUSED': 'refused',
  'ND-PACKAGE-SMOKE': 'failed',
  'ND-PACKAGE-STORE': 'failed',
  'ND-PACKAGE-TEMPLATE': 'refused',
  'ND-PAUSED': 'refused',
  'ND-PHASE-FAILED': 'failed',
  'ND-PORT-TAKEN': 'refused',
  'ND-PREFLIGHT-FAILED': 'refused',
  'ND-PROJECT-UNKNOWN': 'refused',
  'ND-REGISTRY-CREDENTIALS': 'refused',
  'ND-REGISTRY-DAMAGED': 'failed',
  'ND-REGISTRY-DENIED': 'failed',
  'ND-REGISTRY-INSECURE': 'refused',
  'ND-REGISTRY-NOT-FOUND': 'refused',
  'ND-REGISTRY-REFUSED': 'failed',
  'ND-REGISTRY-UNREACHABLE': 'failed',
  'ND-REJECTED': 'failed',
  'ND-RELEASE-UNKNOWN': 'refused',
  'ND-ROUTER-FAILED': 'failed',
  'ND-STAGE-INVALID': 'refused',
  'ND-STATE-DAMAGED': 'refused',
  'ND-STATE-NEWER': 'refused',
  'ND-TOOL-MISSING': 'refused',
  'ND-WATCH-FAILED': 'failed',
} as const satisfies Record<string, Severity>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** The parts of an error message. `problems` are lines of their own, each `where: what`. */
export interface ErrorParts {
  /** What happened, one sentence without a full stop. */
  readonly what: string;
  /** File and key, command or address the error is about. */
  readonly where?: string;
  readonly why?: string;
  readonly problems?: readonly string[];
  /** What to do next. */
  readonly next?: string;
}

export class DeployError extends Error {
  override readonly name = 'DeployError';
  readonly code: ErrorCode;
  readonly parts: ErrorParts;

  constructor(code: ErrorCode, parts: ErrorParts, options?: { cause?: unknown }) {
    super(parts.why === undefined ? parts.what : `${parts.what}: ${parts.why}`, options);
    this.code = code;
    this.parts = parts;
  }

  get severity(): Severity {
    return ERROR_CODES[this.code];
  }

  /** The JSON shape that crosses the agent's socket and stands in `--outputFile`. */
  toJSON(): SerializedError {
    return { code: this.code, ...this.parts };
  }

  static fromJSON(value: SerializedError): DeployError {
    const { code, ...parts } = value;
    return new DeployError(code in ERROR_CODES ? code : 'ND-INTERNAL', parts);
  }
}

export type SerializedError = ErrorParts & { readonly code: ErrorCode };

/** Wraps whatever was thrown; a DeployError passes through unchanged. */
export function asDeployError(thrown: unknown): DeployError {
  if (thrown instanceof DeployError) return thrown;
  if (isGitError(thrown)) return new DeployError('ND-GIT-FAILED', { what: 'git does not tell the commit', why: thrown.why, next: thrown.next }, { cause: thrown });
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new DeployError('ND-INTERNAL', { what: 'an unexpected error', why, next: 'report it together with the agent log (nx-deploy agent status names its path)' }, { cause: thrown });
}

/** That of nx-build-manifest, known by its name: nothing is imported here. */
function isGitError(thrown: unknown): thrown is Error & { readonly why: string; readonly next: string } {
  return thrown instanceof Error && thrown.name === 'GitError' && 'why' in thrown && 'next' in thrown;
}

/** The code of a system error (`ENOENT`, say); undefined for everything else. */
export function errorCode(thrown: unknown): string | undefined {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

const NOT_ALLOWED = { why: 'the user of this process may not write there', remedy: 'give it back to that user, and take away what protects it (chattr -i)' };

const NO_ROOM: Readonly<Record<string, { readonly why: string; readonly remedy: string }>> = {
  ENOSPC: { why: 'the disk is full, or it has no free inodes', remedy: 'free space there' },
  EDQUOT: { why: 'the quota of this user is used up', remedy: 'free space there' },
  EACCES: NOT_ALLOWED,
  EPERM: NOT_ALLOWED,
  EROFS: { why: 'the file system is mounted read-only', remedy: 'make it writable again (a system does this to a disk with faults)' },
};

/**
 * ND-DISK-FULL for a system error that says that nothing can be written at `where`; undefined for everything else.
 * `again` ends the sentence of what to do next.
 */
export function diskFull(thrown: unknown, parts: { readonly what: string; readonly where: string; readonly again: string }): DeployError | undefined {
  const code = errorCode(thrown) ?? '';
  const cause = Object.hasOwn(NO_ROOM, code) ? NO_ROOM[code] : undefined;
  if (cause === undefined) return undefined;
  const { what, where, again } = parts;
  return new DeployError('ND-DISK-FULL', { what, where, why: cause.why, next: `${cause.remedy}, then ${again}` }, { cause: thrown });
}

/** Several lines: the code and what happened, then where, the problems, why and what next. */
export function formatError(error: DeployError): string {
  const { what, where, why, problems = [], next } = error.parts;
  return [
    `error ${error.code}: ${what}`,
    ...(where === undefined ? [] : [`  where: ${where}`]),
    ...problems.map((problem) => `  - ${problem}`),
    ...(why === undefined ? [] : [`  why: ${why}`]),
    ...(next === undefined ? [] : [`  next: ${next}`]),
  ].join('\n');
}
