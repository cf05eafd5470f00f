/** The command line of the bin, read by node:util's parseArgs; everything unknown is refused with a suggestion. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { suggest } from '../config/suggest.js';
import { DeployError } from '../errors.js';

type Options = NonNullable<ParseArgsConfig['options']>;

const REPORT = {
  json: { type: 'boolean' },
  outputFile: { type: 'string' },
  color: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const satisfies Options;

const COMMON = { ...REPORT, configuration: { type: 'string', short: 'c' } } as const satisfies Options;

const EVENTS = { events: { type: 'string' } } as const satisfies Options;

const CHANGE = { ...COMMON, ...EVENTS, 'dry-run': { type: 'boolean' }, strategy: { type: 'string' } } as const satisfies Options;

const ANSWER = { ...EVENTS, note: { type: 'string' }, run: { type: 'string' }, gate: { type: 'string' } } as const satisfies Options;

/** What each command takes. The words are those of the executors' options. */
export const COMMANDS = {
  deploy: { ...CHANGE, resume: { type: 'boolean' }, package: { type: 'string' }, watch: { type: 'string' } },
  rollback: { ...CHANGE, to: { type: 'string' } },
  approve: { ...COMMON, ...ANSWER },
  reject: { ...COMMON, ...ANSWER },
  status: { ...COMMON, verify: { type: 'boolean' }, follow: { type: 'boolean', short: 'f' } },
  logs: { ...COMMON, follow: { type: 'boolean', short: 'f' }, since: { type: 'string' }, instance: { type: 'string' }, release: { type: 'string' } },
  maintenance: { ...COMMON, page: { type: 'string' }, message: { type: 'string' }, retryAfter: { type: 'string' } },
  pause: { ...COMMON, wait: { type: 'string' } },
  resume: COMMON,
  repair: COMMON,
  unlock: { ...COMMON, wait: { type: 'string' } },
  prune: { ...COMMON, keep: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  destroy: { ...COMMON, confirm: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  'build-image': { ...REPORT, full: { type: 'boolean' } },
  'push-image': { ...REPORT, tag: { type: 'string', multiple: true } },
  'load-image': { ...REPORT, engine: { type: 'string' }, platform: { type: 'string' }, tag: { type: 'string', multiple: true }, archive: { type: 'string' } },
  'inspect-image': REPORT,
  package: { ...REPORT, key: { type: 'string' } },
  stage: COMMON,
  phases: { ...COMMON, until: { type: 'string' }, key: { type: 'string' } },
  images: { ...REPORT, max: { type: 'string' }, 'dry-run': { type: 'boolean' } },
  agent: { ...REPORT, 'keep-instances': { type: 'boolean' } },
} as const satisfies Record<string, Options>;

export type CommandName = keyof typeof COMMANDS;

export interface Arguments {
  readonly command: CommandName;
  readonly positionals: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
}

export function readArguments(argv: readonly string[]): Arguments {
  const [command = '', ...rest] = argv;
  if (!isCommand(command)) throw unknown('command', command, Object.keys(COMMANDS));
  const options: Options = COMMANDS[command];
  const { tokens } = parseArgs({ args: rest, options, strict: false, allowPositionals: true, allowNegative: true, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'option' && !Object.hasOwn(options, token.name.replace(/^no-/, ''))) throw unknown('option', token.rawName, Object.keys(options).map((name) => `--${name}`));
  }
  try {
    const { values, positionals } = parseArgs({ args: rest, options, strict: true, allowPositionals: true, allowNegative: true });
    return { command, positionals, values: values as Arguments['values'] };
  } catch (error) {
    throw new DeployError('ND-OPTION-INVALID', { what: firstSentence(error), next: `nx-deploy ${command} --help lists the options` });
  }
}

function firstSentence(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  return message.split(/\.\s/)[0] ?? '';
}

function isCommand(name: string): name is CommandName {
  return Object.hasOwn(COMMANDS, name);
}

function unknown(kind: string, given: string, known: readonly string[]): DeployError {
  const near = suggest(given, known);
  return new DeployError('ND-OPTION-INVALID', {
    what: given === '' ? `no ${kind} was given` : `there is no ${kind} ${JSON.stringify(given)}`,
    ...(near === undefined ? {} : { why: `did you mean ${near}?` }),
    next: `known: ${known.join(', ')}`,
  });
}

export const USAGE = `Usage: nx-deploy <command> <project> -c <environment> [options]
       nx-deploy --version

Commands:
  deploy <project>     bring the built project, or its package, into service (--package <file>; --resume: go on with what was interrupted; --watch <duration>: stay and look after it)
  rollback <project>   bring an earlier release back (--to <release>)
  approve <project>    let a change that waits for an answer go on (--gate <question>, --run <run>, --note <text>)
  reject <project>     take a change that waits for an answer back (--gate <question>, --run <run>, --note <text>)
  status <project>     what runs, weights, health, last releases (--verify, --follow a run under way)
  logs <project>       what the instances wrote (--follow, --since, --instance, --release)
  maintenance <project>  answer every request with 503 and a page (--page <file>, --message <text>, --retryAfter <duration>)
  pause <project>      have new requests wait (--wait <duration>)
  resume <project>     end a maintenance or a pause
  repair <project>     bring an interrupted change to an end and put right what is not as it should be
  unlock <project>     free the lock of a run that hangs (--wait <duration>)
  prune <project>      remove stored releases that nothing needs (--keep <number>)
  destroy <project>    end the service for good; its ledger stays (--confirm <service>)
  build-image <project>  make the image of the built project as a folder (--full: with the layers of its base)
  push-image <project>   bring it to the registries of deploy.json (--tag <tag>)
  load-image <project>   load it into docker or podman (--engine podman, --platform, --tag), or write the file for that (--archive <file>)
  inspect-image <project>  its layers, sizes and biggest packages
  package <project>    make the package of the built project (--key <file>: sign it)
  stage <project>      check what a build needs before it begins
  phases <project>     run stage, compile, package and deploy, until one fails (--until <phase>; --key <file>: sign the package)
  images prune         make the store of image blobs smaller (--max 20GB)
  agent <action>       status, start, stop or restart the background agent (stop: --keep-instances)

Options:
  -c, --configuration <name>   environment of deploy.json
  --dry-run                    show the plan and change nothing (deploy, rollback, prune, destroy, images)
  --strategy <name>            override the strategy of deploy.json (deploy, rollback)
  --json                       print the result as JSON and nothing else
  --outputFile <file>          write the result as JSON to a file
  --events <file>              write one JSON object a line as it goes on (deploy, rollback, approve, reject)
  --no-color                   no colour

Exit codes: 0 done or nothing to do, 1 failed and restored, 2 failed and NOT restored, 3 refused, 4 waits for an answer
`;
