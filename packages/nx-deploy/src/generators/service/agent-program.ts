/** What a service runs, whichever program starts it. */
import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';
import { DeployError } from '../../errors.js';
import { sanitize } from '../../terminal/index.js';

export interface AgentProgram {
  /** Absolute path of Node. */
  readonly node: string;
  /** Absolute path of the bin `nx-deploy`. */
  readonly bin: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface ProgramOptions {
  readonly home?: string;
  readonly node?: string;
}

/**
 * The path of the bin is the same for every version; the agent itself then runs from a copy in its home, so that the packages can be
 * installed anew under it. Throws ND-OPTION-INVALID for a path that no service can name.
 */
export function agentProgram(workspaceRoot: string, options: ProgramOptions, variables: NodeJS.ProcessEnv, systemPath: string): AgentProgram {
  const node = named('--node', options.node ?? process.execPath);
  if (node.includes(':')) throw invalid('--node', node, 'a colon in it would split PATH');
  const bin = join(named('the workspace', workspaceRoot), 'node_modules/nx-deploy/dist/bin/nx-deploy.js');
  return { node, bin, environment: { PATH: `${dirname(node)}:${systemPath}`, ...place(options.home, variables) } };
}

/** A service sees nothing of a terminal's environment; were its agent's folder another one than the commands', there would be two agents. */
function place(home: string | undefined, variables: NodeJS.ProcessEnv): Record<string, string> {
  if (home !== undefined) return { NX_DEPLOY_HOME: named('--home', home) };
  const { NX_DEPLOY_HOME: inherited, XDG_STATE_HOME: state } = variables;
  if (inherited !== undefined && inherited !== '') return { NX_DEPLOY_HOME: named('NX_DEPLOY_HOME', inherited) };
  return state === undefined || !isAbsolute(state) ? {} : { XDG_STATE_HOME: named('XDG_STATE_HOME', state) };
}

/** Neither a unit nor a property list can hold a control character, half a surrogate pair or a noncharacter (XML 1.0, section 2.2). */
const UNWRITABLE = /[\p{Cc}\p{Cs}\ufffe\uffff]/u;

function named(what: string, path: string): string {
  if (!isAbsolute(path)) throw invalid(what, path, 'a service has no folder that it could be relative to: an absolute path is needed');
  if (UNWRITABLE.test(path)) throw invalid(what, path, 'the file of a service cannot hold a line break, a control character or half a character');
  return path;
}

export function invalid(what: string, value: string, why: string): DeployError {
  return new DeployError('ND-OPTION-INVALID', { what: `${what} cannot be ${sanitize(JSON.stringify(value))}`, why, next: 'nx g nx-deploy:service --help lists the options' });
}

/** Paths that the service needs and that are not there now. */
export function absent({ node, bin }: AgentProgram): readonly string[] {
  return [node, bin].filter((path) => !existsSync(path)).map((path) => `there is no ${sanitize(path)} now, and the service needs it`);
}
