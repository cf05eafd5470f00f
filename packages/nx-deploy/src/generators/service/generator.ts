/** Writes the file of a service that starts the agent, and tells how to install it. It installs nothing itself. */
import { logger } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DeployError, formatError } from '../../errors.js';
import { sanitize } from '../../terminal/index.js';
import { difference } from '../difference.js';
import { absent, agentProgram, type AgentProgram, type ProgramOptions } from './agent-program.js';
import { launchdPlist, launchdSteps, MACOS_PATH, PLIST } from './launchd-plist.js';
import { outputFile } from './output-folder.js';
import { LINUX_PATH, systemdSteps, systemdUnit, UNIT } from './systemd-unit.js';

export interface ServiceOptions extends ProgramOptions {
  /** Default: launchd on macOS, systemd elsewhere. */
  readonly kind?: Kind;
  /** Relative to the workspace; default `deploy/service`. */
  readonly outputDir?: string;
}

type Kind = 'systemd' | 'launchd';

interface Form {
  readonly name: string;
  readonly systemPath: string;
  readonly write: (program: AgentProgram) => string;
  readonly steps: (file: string) => readonly string[];
}

const FORMS: Readonly<Record<Kind, Form>> = {
  systemd: { name: UNIT, systemPath: LINUX_PATH, write: systemdUnit, steps: systemdSteps },
  launchd: { name: PLIST, systemPath: MACOS_PATH, write: (program) => launchdPlist(program, join(homedir(), 'Library/Logs/nx-deploy-agent.log')), steps: launchdSteps },
};

/** A file that is there with other content is left as it is. Throws ND-OPTION-INVALID; then nothing is written. */
export function serviceGenerator(tree: Tree, options: ServiceOptions = {}): void {
  const form = FORMS[options.kind ?? (process.platform === 'darwin' ? 'launchd' : 'systemd')];
  const file = outputFile(tree, options.outputDir ?? 'deploy/service', form.name);
  const program = agentProgram(tree.root, options, process.env, form.systemPath);
  const content = form.write(program);
  const present = tree.exists(file) ? tree.read(file, 'utf8') ?? '' : undefined;
  if (present !== undefined && present !== content) {
    logger.warn(difference(file, present, content).join('\n'));
    return;
  }
  if (present === undefined) tree.write(file, content);
  logger.info([
    `${file} ${present === undefined ? 'written' : 'is as it should be; left as it is'}`,
    ...absent(program).map((line) => `  - ${line}`),
    '  - it holds paths of this machine: keep it out of the repository',
    ...aboutHome(program),
    'Nothing has been installed. From the root of the workspace:',
    ...form.steps(word(file)).map((line) => `  ${line}`),
  ].join('\n'));
}

/** What Nx calls: it prints nothing of an error but its message, so that holds the code, the reason and what to do next. */
export default function service(tree: Tree, options: ServiceOptions): void {
  try {
    serviceGenerator(tree, options);
  } catch (thrown) {
    throw thrown instanceof DeployError ? new Error(formatError(thrown), { cause: thrown }) : thrown;
  }
}

function aboutHome({ environment: { NX_DEPLOY_HOME: home } }: AgentProgram): readonly string[] {
  return home === undefined ? [] : [`  - commands reach this agent only with NX_DEPLOY_HOME=${sanitize(word(home))}`];
}

/** One word for a POSIX shell. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll('\'', '\'\\\'\'')}'`;
}
