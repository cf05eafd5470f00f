/** What docker and podman say when they fail, as errors with a name. Their exit codes say too little: nearly everything is 1 or 125. */
import { DeployError, type ErrorCode } from '../../errors.js';

export interface FailedCall {
  /** `docker` or `podman`. */
  readonly program: string;
  /** `docker, context prod`: for messages. */
  readonly engine: string;
  /** What was wanted, as the end of `could not ...`: `start the container api`. */
  readonly what: string;
  /** What the program printed on standard error. */
  readonly said: string;
}

interface Kind {
  readonly code: ErrorCode;
  readonly says: RegExp;
  readonly why: string;
  readonly next: string;
}

/** An engine that says what went wrong has answered, whatever it did not reach itself. */
const ANSWERED = /error response from daemon/i;

/** The first that fits. The words are those of Docker 20.10 to 28 and podman 4 and 5. */
const KINDS: readonly Kind[] = [
  { code: 'ND-ENGINE-UNREACHABLE', says: /context "?[^ ]*"? ?(?:does not exist|not found)|context not found|unable to resolve docker endpoint/i, why: 'there is no such context', next: 'docker context ls lists those that there are' },
  { code: 'ND-ENGINE-UNREACHABLE', says: /permission denied while trying to connect|connect: permission denied/i, why: 'this user may not speak to the engine', next: 'add the user to the group docker, or name another engine' },
  {
    code: 'ND-ENGINE-UNREACHABLE', says: /cannot connect to the docker daemon|cannot connect to podman|unable to connect to podman|error during connect|failed to connect to the docker API|is the docker daemon running|dial (?:unix|tcp).*(?:refused|no such|timeout)|no such host|host key verification failed|ssh: .*(?:refused|not resolve|timed out)|connection (?:refused|timed out|reset)/i,
    why: 'the engine does not answer', next: 'start it, or correct DOCKER_HOST or the context (docker context ls); docker version shows whether it works',
  },
  { code: 'ND-DISK-FULL', says: /no space left on device|disk quota exceeded/i, why: 'the disk of the engine is full', next: 'free space there (docker system df shows what takes it), then run the command again' },
  { code: 'ND-PORT-TAKEN', says: /port is already allocated|address already in use|failed to bind (?:host )?port/i, why: 'another container or program has the port', next: 'stop it (docker ps and ss -ltnp name it), or choose another port' },
  { code: 'ND-OWNER-CONFLICT', says: /container name .* (?:is )?already in use|name .* is in use/i, why: 'a container of that name is there that nx-deploy did not start; it was left alone', next: 'rename or remove it, if it is yours' },
  { code: 'ND-ARTIFACT-MISSING', says: /no such image|image not known|manifest (?:for .* )?(?:unknown|not found)|pull access denied|unable to find image|requested access to the resource is denied|error response from daemon: get "?https?:\/\/.*(?:no such host|refused|timeout|deadline)/i, why: 'the engine does not have the image and could not get it', next: 'build and push it, or load it into the engine (the target load-image does)' },
];

/** Beside a line that says what went wrong. */
const SAYS_NOTHING = /^See '.*--help'\.?$|^Run '.*--help' for more information$|^Error: failed to start containers: /;
const LINES = 5;
const LONGEST = 300;

export function failedCall({ program, engine, what, said }: FailedCall): DeployError {
  const lines = said.split('\n').map(plain).filter((line) => line !== '' && !SAYS_NOTHING.test(line)).slice(-LINES);
  const kind = KINDS.find(({ code, says }) => says.test(said) && !(code === 'ND-ENGINE-UNREACHABLE' && ANSWERED.test(said)));
  const { code, why, next } = kind ?? { code: 'ND-ENGINE-FAILED', why: lines.at(-1) ?? 'it says nothing', next: `run ${program} version as the same user: it shows whether the engine works` };
  return new DeployError(code, { what: `${program} could not ${what}`, where: engine, ...(kind === undefined || lines.length === 0 ? {} : { problems: lines }), why, next });
}

export function missingProgram(program: string): DeployError {
  return new DeployError('ND-ENGINE-MISSING', { what: `${program} is not installed`, why: 'there is no such program on the PATH', next: `install ${program}, or name the other engine` });
}

export function slowCall(call: Omit<FailedCall, 'said'>, seconds: number): DeployError {
  return new DeployError('ND-ENGINE-UNREACHABLE', { what: `${call.program} could not ${call.what}`, where: call.engine, why: `it did not end within ${seconds} s`, next: 'look whether the engine, and the network to it, still work' });
}

/** One line of printable ASCII: what an engine says goes to terminals and logs. */
function plain(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ').replaceAll(/[^ -~]/g, '?');
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}...` : line;
}
