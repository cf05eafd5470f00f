/** Who is told of a change: the channels of deploy.json with the values of the variables that they name. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { NotificationOption, ResolvedEnvironment } from '../config/index.js';
import type { ChannelTarget, PreparedChannel } from '../notifications/index.js';
import { projectFolder, type CommandContext } from './context.js';

/** One that cannot be used is told as such when it would be: nobody is to be kept from a deploy by it. */
export function channelsOf(context: CommandContext, { notifications }: Pick<ResolvedEnvironment, 'notifications'>): readonly PreparedChannel[] {
  return notifications.map(({ target, ...rest }) => {
    const problem = { why: undefined as string | undefined };
    const value = (name: string): string => {
      const found = context.variables[name] ?? '';
      if (found === '') problem.why ??= `the variable ${name} is not set`;
      return found;
    };
    const prepared = targetOf(context, target, value, problem);
    return { ...rest, target: prepared, ...(problem.why === undefined ? {} : { unusable: problem.why }) };
  });
}

function targetOf(context: CommandContext, target: NotificationOption['target'], value: (name: string) => string, problem: { why: string | undefined }): ChannelTarget {
  switch (target.type) {
    case 'slack': {
      const url = value(target.webhook);
      if (url !== '' && !/^https?:\/\//.test(url)) problem.why ??= `the variable ${target.webhook} holds no URL`;
      return { type: 'slack', url };
    }
    case 'webhook': return { type: 'webhook', url: target.url, ...(target.secret === undefined ? {} : { secret: value(target.secret) }) };
    case 'command': return { type: 'command', run: target.run, env: Object.fromEntries(target.env.map((name) => [name, value(name)])), cwd: projectFolder(context) };
    case 'email': {
      const { password, ...rest } = target;
      const module = nodemailerOf(context);
      if (module === undefined) problem.why ??= 'the module nodemailer is not installed in the workspace (npm install --save-dev nodemailer)';
      return { ...rest, module: module ?? '', ...(password === undefined ? {} : { password: value(password) }) };
    }
  }
}

/** Whoever sends it runs from another folder. */
function nodemailerOf(context: CommandContext): string | undefined {
  for (const folder of [projectFolder(context), context.workspaceRoot, __dirname]) {
    try {
      return createRequire(join(folder, 'package.json')).resolve('nodemailer');
    } catch {
      // The next one.
    }
  }
  return undefined;
}
