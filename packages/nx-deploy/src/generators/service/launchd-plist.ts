/** A launchd agent: launchd.plist(5). */
import type { AgentProgram } from './agent-program.js';

export const LABEL = 'dev.nx-deploy.agent';
export const PLIST = `${LABEL}.plist`;

export const MACOS_PATH = '/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

/** @param log Absolute path of the file that takes what the start prints. */
export function launchdPlist({ node, bin, environment }: AgentProgram, log: string): string {
  const variables = Object.entries(environment).map(([name, value]) => `    <key>${text(name)}</key>\n    <string>${text(value)}</string>`);
  const words = [node, bin, 'agent', 'start'].map((word) => `    <string>${text(word)}</string>`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Starts the agent of nx-deploy. Written by the generator nx-deploy:service for this machine: it holds paths of it. -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${LABEL}</string>
  <key>ProgramArguments</key>
  <array>
${words.join('\n')}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${variables.join('\n')}
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <!-- The start ends as soon as the agent answers; what it started stays. -->
  <key>AbandonProcessGroup</key>
  <true/>
  <!-- Else the system may slow down what serves requests. -->
  <key>ProcessType</key>
  <string>Interactive</string>
  <key>StandardOutPath</key>
  <string>${text(log)}</string>
  <key>StandardErrorPath</key>
  <string>${text(log)}</string>
</dict>
</plist>
`;
}

function text(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Commands for the reader, with the file's path relative to the workspace's root. */
export function launchdSteps(file: string): readonly string[] {
  const installed = `~/Library/LaunchAgents/${PLIST}`;
  return [
    'install and start (launchd starts it at every login from then on):',
    '  mkdir -p ~/Library/LaunchAgents ~/Library/Logs',
    `  cp "$PWD"/${file} ${installed}`,
    `  launchctl bootstrap gui/$UID ${installed}`,
    'start it again:',
    `  launchctl kickstart gui/$UID/${LABEL}`,
    'see how it is, and its log:',
    `  launchctl print gui/$UID/${LABEL}`,
    '  tail ~/Library/Logs/nx-deploy-agent.log',
    'after the file has changed:',
    `  launchctl bootout gui/$UID/${LABEL}`,
    '  and install it again',
    'remove (the first line ends all instances and the agent; without it they go on):',
    '  npx nx-deploy agent stop',
    `  launchctl bootout gui/$UID/${LABEL}`,
    `  rm ${installed}`,
  ];
}
