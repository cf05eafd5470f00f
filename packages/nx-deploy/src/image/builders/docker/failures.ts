import { DeployError } from '../../../errors.js';
import { plain, quoted } from '../../registry/plain.js';

/** `why` may be what the program printed. */
export function missingEngine(program: string): DeployError {
  return new DeployError('ND-ENGINE-MISSING', {
    what: `${program} is not installed`, where: quoted(program), why: 'there is no such program on the PATH',
    next: `install ${program}, name the other engine by "engine" in deploy.json, or use the builder "oci", which needs none`,
  });
}

export function unreachableEngine(program: string, said: string): DeployError {
  const denied = /permission denied/i.test(said);
  return new DeployError('ND-ENGINE-UNREACHABLE', {
    what: `the engine of ${program} cannot be reached`, why: plain(said) || 'it says nothing',
    next: denied ? 'this user may not speak to the engine: add it to the group "docker", or use podman without root' : 'start the engine, or check DOCKER_HOST and "docker context ls"',
  });
}

/** All that this engine and its client cannot do, at once, before anything is built. */
export function unsupportedBuild(problems: readonly string[], next: string): DeployError {
  return new DeployError('ND-ENGINE-UNSUPPORTED', { what: 'the engine cannot build the image as it is described', problems, next });
}

export function invalidRequest(problems: readonly string[]): DeployError {
  return new DeployError('ND-OPTION-INVALID', { what: 'the image cannot be built as it is described', problems, next: 'correct the artifact in deploy.json' });
}

/** `lines`: the last ones that the program printed, secrets redacted. */
export function failedBuild(why: string, lines: readonly string[]): DeployError {
  return new DeployError('ND-IMAGE-BUILD-FAILED', {
    what: 'the image could not be built', why, problems: lines.map((line) => plain(line)),
    next: 'the lines above are the last ones of the build: correct the Dockerfile, or what it copies, and build again',
  });
}

/** An archive that an engine wrote and that is not what it should be. */
export function badArchive(why: string): DeployError {
  return new DeployError('ND-IMAGE-INVALID', { what: 'what the engine exported is no valid image', why, next: 'build again; when it stays, another version of the engine may help' });
}

export function cancelledBuild(reason: unknown): DeployError {
  return reason instanceof DeployError ? reason : new DeployError('ND-CANCELLED', { what: 'the build of the image was cancelled, and ended', next: 'build again when ready: what the engine has built is kept there' });
}
