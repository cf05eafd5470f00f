/** A systemd user unit. Quoting: systemd.syntax(7), systemd.service(5) "Command lines", systemd.exec(5) "Environment=". */
import { invalid, type AgentProgram } from './agent-program.js';

export const UNIT = 'nx-deploy-agent.service';

export const LINUX_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Throws ND-OPTION-INVALID for a Node whose path systemd refuses as an executable. */
export function systemdUnit({ node, bin, environment }: AgentProgram): string {
  if (/["'\\]/.test(node)) throw invalid('--node', node, 'systemd runs no program with a quote or a backslash in its path');
  const program = `${quoted(node)} ${argument(bin)}`;
  const variables = Object.entries(environment).map(([name, value]) => `Environment=${quoted(`${name}=${value}`)}`);
  return `# Starts the agent of nx-deploy. Written by the generator nx-deploy:service for this machine: it holds paths of it.
[Unit]
Description=Agent of nx-deploy: runs deployed services and routes their traffic

[Service]
# "agent start" ends as soon as the agent answers. No process is followed: the agent detaches itself, and commands start it too.
Type=oneshot
RemainAfterExit=yes
ExecStart=${program} agent start
# Without --keep-instances the agent would forget its instances, and the next start would bring none of them back.
ExecStop=${program} agent stop --keep-instances
# Instances belong to this unit: they go on running when it is stopped or restarted,
KillMode=process
# and the others go on when the kernel ends one for want of memory. The agent starts that one again.
OOMPolicy=continue
TimeoutStartSec=60
TimeoutStopSec=90
${variables.join('\n')}

[Install]
WantedBy=default.target
`;
}

/** One word in which nothing but specifiers (%h) and escapes would mean anything. */
function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replace(/%/g, '%%')}"`;
}

/** A word after the first of a command line: variables are put in there too, and not in the first one nor in Environment=. */
function argument(text: string): string {
  return quoted(text).replace(/\$/g, '$$$$');
}

/** Commands for the reader, with the file's path relative to the workspace's root. */
export function systemdSteps(file: string): readonly string[] {
  return [
    'install and start:',
    `  systemctl --user link "$PWD"/${file}`,
    `  systemctl --user enable --now ${UNIT}`,
    'start at boot and go on after logout (once; without it the service runs while you are logged in):',
    '  loginctl enable-linger',
    'see how it is, and its log:',
    `  systemctl --user status ${UNIT}`,
    `  journalctl --user -u ${UNIT}`,
    'after the file has changed:',
    '  systemctl --user daemon-reload',
    'remove (the first line ends all instances; without it they go on with nobody to route to them):',
    '  npx nx-deploy agent stop',
    `  systemctl --user disable --now ${UNIT}`,
  ];
}
