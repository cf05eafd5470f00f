import { logger } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import fc from 'fast-check';
import { flushChanges, FsTree } from 'nx/src/generators/tree';
import generator, { serviceGenerator } from './generator.js';
import type { ServiceOptions } from './generator.js';
import { launchdPlist } from './launchd-plist.js';
import { systemdUnit } from './systemd-unit.js';

const UNIT = 'deploy/service/nx-deploy-agent.service';
const PLIST = 'deploy/service/dev.nx-deploy.agent.plist';
/** Everything that means something to systemd, XML or a shell. */
const HOSTILE = 'a $b${HOME}$$ %h%% "q" \'s\' \\n\\ <i>&amp;]]>-- `id` ;#! \u00e9\u{1f600}';

let base: string;
let root: string;
let said: string[];

beforeEach(async () => {
  base = await realpath(await mkdtemp(join(tmpdir(), 'nx-deploy-service-')));
  root = workspace('w');
  said = [];
  jest.spyOn(logger, 'info').mockImplementation((text) => void said.push(String(text)));
  jest.spyOn(logger, 'warn').mockImplementation((text) => void said.push(`warning: ${String(text)}`));
  jest.replaceProperty(process, 'env', { PATH: process.env['PATH'] ?? '' });
});

afterEach(async () => {
  jest.restoreAllMocks();
  await rm(base, { recursive: true });
});

/** A workspace whose nx-deploy writes down how it was called. */
function workspace(name: string): string {
  const folder = join(base, name);
  const bin = join(folder, 'node_modules/nx-deploy/dist/bin/nx-deploy.js');
  mkdirSync(dirname(bin), { recursive: true });
  writeFileSync(bin, 'console.log(JSON.stringify({ argv: process.argv.slice(2), env: process.env }))');
  return folder;
}

function generate(options: ServiceOptions = {}, folder = root): string {
  const tree = new FsTree(folder, false);
  said = [];
  serviceGenerator(tree, options);
  flushChanges(folder, tree.listChanges());
  return said.join('\n');
}

function refused(options: ServiceOptions, folder = root): string {
  const tree = new FsTree(folder, false);
  let message = '';
  expect(() => {
    try {
      generator(tree, options);
    } catch (error) {
      message = (error as Error).message;
      throw error;
    }
  }).toThrow(/^error ND-OPTION-INVALID: /);
  expect(tree.listChanges()).toEqual([]);
  expect(message).toMatch(/^[\n -~]+$/);
  return message;
}

const written = (file: string, folder = root): string => readFileSync(join(folder, file), 'utf8');

interface Reading {
  readonly start: readonly string[];
  readonly stop: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Reads a line as systemd.syntax(7) says: quotes, escapes, specifiers. */
function words(line: string): string[] {
  const found = [...line.matchAll(/"((?:[^"\\]|\\["\\])*)"|([^\s"'\\]+)/g)];
  expect(found.map(([all]) => all).join(' ')).toBe(line);
  return found.map(([, inQuotes, bare]) => {
    const text = (inQuotes ?? bare ?? '').replace(/\\(["\\])/g, '$1');
    expect(text.replaceAll('%%', '')).not.toContain('%');
    return text.replaceAll('%%', '%');
  });
}

/** Variables are put into every word but the first. */
function commandLine(line: string): string[] {
  const [program = '', ...rest] = words(line);
  return [program, ...rest.map((word) => {
    expect(word.replaceAll('$$', '')).not.toContain('$');
    return word.replaceAll('$$', '$');
  })];
}

function readUnit(text: string): Reading {
  const values = (key: string): string[] => text.split('\n').filter((line) => line.startsWith(`${key}=`)).map((line) => line.slice(key.length + 1));
  const [[start = ''], [stop = '']] = [values('ExecStart'), values('ExecStop')];
  const env = values('Environment').flatMap(words).map((pair): [string, string] => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);
  return { start: commandLine(start), stop: commandLine(stop), env: Object.fromEntries(env) };
}

function readPlist(text: string): { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string>>; readonly value: (key: string) => string } {
  const body = text.replace(/<!--[\s\S]*?-->/g, '');
  const plain = (value = ''): string => {
    expect(value).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/);
    return value.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
  };
  const after = (key: string, tag: string): string => new RegExp(`<key>${key}</key>\\s*<${tag}>([\\s\\S]*?)</${tag}>`).exec(body)?.[1] ?? '';
  const variables = [...after('EnvironmentVariables', 'dict').matchAll(/<key>(.*?)<\/key>\s*<string>(.*?)<\/string>/g)];
  return {
    argv: [...after('ProgramArguments', 'array').matchAll(/<string>(.*?)<\/string>/g)].map((match) => plain(match[1])),
    env: Object.fromEntries(variables.map(([, key, value]) => [plain(key), plain(value)])),
    value: (key) => plain(after(key, 'string')),
  };
}

describe('the systemd unit', () => {
  it('starts the agent with the bin of the workspace and leaves instances running when it stops', () => {
    generate({ kind: 'systemd' });
    const { start, stop, env } = readUnit(written(UNIT));
    const program = [process.execPath, join(root, 'node_modules/nx-deploy/dist/bin/nx-deploy.js')];
    expect(start).toEqual([...program, 'agent', 'start']);
    expect(stop).toEqual([...program, 'agent', 'stop', '--keep-instances']);
    expect(Object.keys(env)).toEqual(['PATH']);
    expect(env['PATH']?.split(delimiter)[0]).toBe(dirname(process.execPath));
    expect(written(UNIT)).toMatch(/^Type=oneshot\nRemainAfterExit=yes$/m);
    expect(written(UNIT)).toMatch(/^KillMode=process$/m);
    expect(written(UNIT)).toMatch(/^OOMPolicy=continue$/m);
    expect(written(UNIT)).toMatch(/^\[Install\]\nWantedBy=default\.target\n$/m);
  });

  it('calls the bin as it stands there, whatever the folders are called', () => {
    const folder = workspace(HOSTILE.replaceAll('/', ''));
    generate({ kind: 'systemd', home: `/srv/${HOSTILE}` }, folder);
    const { start: [file = '', ...args], env } = readUnit(written(UNIT, folder));
    const seen = JSON.parse(execFileSync(file, args, { env, encoding: 'utf8' })) as { argv: string[]; env: Record<string, string> };
    expect(seen.argv).toEqual(['agent', 'start']);
    expect(seen.env).toMatchObject({ NX_DEPLOY_HOME: `/srv/${HOSTILE}`, PATH: env['PATH'] });
  });

  it('writes every path so that it is read back the same', () => {
    const name = fc.string({ unit: fc.constantFrom(...Array.from(HOSTILE)) });
    fc.assert(fc.property(name, name, name, (one, two, three) => {
      const node = `/${one.replace(/["'\\]/g, '')}`;
      const { start, env } = readUnit(systemdUnit({ node, bin: `/${two}`, environment: { HERE: three } }));
      expect(start).toEqual([node, `/${two}`, 'agent', 'start']);
      expect(env).toEqual({ HERE: three });
    }));
  });

  // In CI it is there, and a test that is left out there would never run.
  const analyse = process.env['CI'] === 'true' || spawnSync('systemd-analyze', ['--version']).status === 0 ? it : it.skip;
  analyse('is accepted by systemd-analyze', () => {
    const odd = join(base, 'no $d${e} %h%%');
    symlinkSync(process.execPath, odd);
    const folder = workspace(HOSTILE);
    generate({ kind: 'systemd', node: odd, home: `/srv/${HOSTILE}` }, folder);
    // The unit's own path must be plain: systemd reads the folder of units from it.
    const unit = join(base, 'nx-deploy-agent.service');
    const verify = (text: string): { status: number | null; stderr: string } => {
      writeFileSync(unit, text);
      return spawnSync('systemd-analyze', ['verify', '--user', unit], { encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: base, XDG_RUNTIME_DIR: base } });
    };
    const text = written(UNIT, folder);
    expect(verify(text)).toMatchObject({ status: 0, stderr: '' });
    expect(verify(text.replaceAll('%%', '%')).stderr).toContain('is not executable');
  });

  it('is refused for a Node that systemd would not run', () => {
    for (const char of ['"', '\'', '\\']) expect(refused({ kind: 'systemd', node: `/opt/n${char}/node` })).toContain('a quote or a backslash');
  });

  it('is printed with the commands to install, start, see and remove it', () => {
    const output = generate({ kind: 'systemd', outputDir: 'it\'s here/' });
    const [link = ''] = output.split('\n').filter((line) => line.includes('systemctl --user link')).map((line) => line.trim());
    const read = spawnSync('sh', ['-c', link.replace('systemctl', 'printf "%s\\n"')], { cwd: root, env: { PATH: process.env['PATH'], PWD: root }, encoding: 'utf8' });
    expect(read.stdout.split('\n')).toEqual(['--user', 'link', join(root, 'it\'s here/nx-deploy-agent.service'), '']);
    for (const command of ['systemctl --user enable --now nx-deploy-agent.service', 'loginctl enable-linger', 'journalctl --user -u nx-deploy-agent.service', 'systemctl --user disable --now nx-deploy-agent.service']) expect(output).toContain(`  ${command}\n`.trimEnd());
    expect(output).toContain('Nothing has been installed.');
    expect(output).toMatch(/^[\n -~]+$/);
  });
});

describe('the launchd agent', () => {
  it('starts the agent at login and lets it live on', () => {
    generate({ kind: 'launchd' });
    const { argv, env, value } = readPlist(written(PLIST));
    expect(argv).toEqual([process.execPath, join(root, 'node_modules/nx-deploy/dist/bin/nx-deploy.js'), 'agent', 'start']);
    expect(Object.keys(env)).toEqual(['PATH']);
    expect(value('Label')).toBe('dev.nx-deploy.agent');
    expect(value('StandardErrorPath')).toBe(join(homedir(), 'Library/Logs/nx-deploy-agent.log'));
    expect(written(PLIST)).toMatch(/<key>RunAtLoad<\/key>\s*<true\/>/);
    expect(written(PLIST)).toMatch(/<key>AbandonProcessGroup<\/key>\s*<true\/>/);
    // It would start the command that has ended again and again.
    expect(written(PLIST)).not.toContain('KeepAlive');
  });

  it('calls the bin as it stands there, whatever the folders are called', () => {
    const folder = workspace(HOSTILE.replaceAll('/', ''));
    generate({ kind: 'launchd', home: `/srv/${HOSTILE}` }, folder);
    const { argv: [file = '', ...args], env } = readPlist(written(PLIST, folder));
    const seen = JSON.parse(execFileSync(file, [...args], { env, encoding: 'utf8' })) as { argv: string[]; env: Record<string, string> };
    expect(seen.argv).toEqual(['agent', 'start']);
    expect(seen.env).toMatchObject({ NX_DEPLOY_HOME: `/srv/${HOSTILE}` });
  });

  it('writes every path so that it is read back the same', () => {
    const name = fc.string({ unit: fc.constantFrom(...Array.from(HOSTILE)) });
    fc.assert(fc.property(name, name, name, (one, two, three) => {
      const { argv, env, value } = readPlist(launchdPlist({ node: `/${one}`, bin: `/${two}`, environment: { HERE: three } }, `/log/${one}`));
      expect(argv).toEqual([`/${one}`, `/${two}`, 'agent', 'start']);
      expect(env).toEqual({ HERE: three });
      expect(value('StandardOutPath')).toBe(`/log/${one}`);
    }));
  });

  it('is printed with the commands to install, start, see and remove it', () => {
    const output = generate({ kind: 'launchd' });
    const installed = '~/Library/LaunchAgents/dev.nx-deploy.agent.plist';
    for (const command of [`cp "$PWD"/${PLIST} ${installed}`, `launchctl bootstrap gui/$UID ${installed}`, 'launchctl kickstart gui/$UID/dev.nx-deploy.agent', 'launchctl bootout gui/$UID/dev.nx-deploy.agent', `rm ${installed}`]) expect(output).toContain(`  ${command}`);
    expect(output).not.toContain('systemctl');
  });
});

describe('the kind', () => {
  it.each([['darwin', PLIST], ['linux', UNIT]] as const)('is that of the machine: %s', (platform, file) => {
    const own = Object.getOwnPropertyDescriptor(process, 'platform')!;
    Object.defineProperty(process, 'platform', { ...own, value: platform });
    try {
      generate();
    } finally {
      Object.defineProperty(process, 'platform', own);
    }
    expect(readdirSync(join(root, 'deploy/service'))).toEqual([file.slice('deploy/service/'.length)]);
  });
});

describe('the home', () => {
  const home = (options: ServiceOptions = {}): Readonly<Record<string, string>> => {
    rmSync(join(root, 'deploy'), { recursive: true, force: true });
    generate({ kind: 'systemd', ...options });
    const { PATH, ...rest } = readUnit(written(UNIT)).env;
    expect(PATH).toBeDefined();
    return rest;
  };

  it('is the one that the commands of this terminal use', () => {
    process.env['XDG_STATE_HOME'] = '/srv/state';
    expect(home()).toEqual({ XDG_STATE_HOME: '/srv/state' });
    process.env['NX_DEPLOY_HOME'] = '/srv/agent';
    expect(home()).toEqual({ NX_DEPLOY_HOME: '/srv/agent' });
    process.env['NX_DEPLOY_HOME'] = 'agent';
    expect(() => home()).toThrow('NX_DEPLOY_HOME cannot be "agent"');
    expect(home({ home: '/srv/other home' })).toEqual({ NX_DEPLOY_HOME: '/srv/other home' });
    expect(said.join('\n')).toContain('only with NX_DEPLOY_HOME=\'/srv/other home\'');
  });

  it('is left to the agent otherwise, also with a relative XDG_STATE_HOME, which counts for nothing', () => {
    process.env['XDG_STATE_HOME'] = 'state';
    expect(home()).toEqual({});
    expect(said.join('\n')).not.toContain('NX_DEPLOY_HOME');
  });
});

it('takes nothing else of the environment along', () => {
  process.env['API_TOKEN'] = 'planted-secret';
  const output = generate({ kind: 'systemd' }) + generate({ kind: 'launchd' });
  expect(output + written(UNIT) + written(PLIST)).not.toContain('planted-secret');
});

describe('a file that is there', () => {
  it('stays when it is the same', () => {
    generate({ kind: 'systemd' });
    const tree = new FsTree(root, false);
    serviceGenerator(tree, { kind: 'systemd' });
    expect(tree.listChanges()).toEqual([]);
    expect(said.at(-1)).toContain(`${UNIT} is as it should be`);
  });

  it.each([['systemd', UNIT], ['launchd', PLIST]] as const)('stays when a person changed it, and the difference is shown: %s', (kind, file) => {
    generate({ kind });
    const changed = `${written(file)}# of mine, caf\u00e9\n`;
    writeFileSync(join(root, file), changed);
    const output = generate({ kind, node: '/opt/other/node' });
    expect(written(file)).toBe(changed);
    expect(output).toMatch(/^warning: .* is there with other content, and is left as it is\.$/m);
    expect(output).toContain('there:   # of mine, caf\\u{e9}');
    expect(output).toMatch(/^ {2}written: .*\/opt\/other\/node/m);
    expect(output).toContain('move it away and run this again');
    expect(output).not.toContain('install');
  });

  it('stays when it is empty', () => {
    mkdirSync(join(root, 'deploy/service'), { recursive: true });
    writeFileSync(join(root, UNIT), '');
    generate({ kind: 'systemd' });
    expect(written(UNIT)).toBe('');
  });
});

describe('the folder', () => {
  it('may be any of the workspace', () => {
    generate({ kind: 'systemd', outputDir: './ops/../units/' });
    generate({ kind: 'systemd', outputDir: '.' });
    expect(existsSync(join(root, 'units/nx-deploy-agent.service')) && existsSync(join(root, 'nx-deploy-agent.service'))).toBe(true);
  });

  it.each(['..', '../x', 'a/../../x', '/etc/systemd', '', 'a\\..\\..\\x', 'a\nb', 'caf\u00e9'])('is refused: %j', (outputDir) => {
    expect(refused({ kind: 'systemd', outputDir })).toContain('--outputDir cannot be');
  });

  it.each([
    ['a folder', (): void => symlinkSync(base, join(root, 'deploy'))],
    ['a folder whose name begins with that of the workspace', (): void => symlinkSync(workspace('w2'), join(root, 'deploy'))],
    ['a file', (): void => {
      mkdirSync(join(root, 'deploy/service'), { recursive: true });
      symlinkSync(join(base, 'made-by-a-write'), join(root, UNIT));
    }],
  ])('is refused when a link leads out of the workspace: %s', (_, link) => {
    link();
    expect(refused({ kind: 'systemd' })).toContain('leads out of the workspace');
    expect(existsSync(join(base, 'made-by-a-write'))).toBe(false);
  });

  it('may be a link to another of the workspace, itself reached by a link', () => {
    mkdirSync(join(root, 'ops'));
    symlinkSync('ops', join(root, 'deploy'));
    symlinkSync(root, join(base, 'link'));
    generate({ kind: 'systemd' }, join(base, 'link'));
    expect(existsSync(join(root, 'ops/service/nx-deploy-agent.service'))).toBe(true);
  });
});

describe('a path', () => {
  it.each<[string, ServiceOptions]>([
    ['absolute path is needed', { node: 'node' }],
    ['absolute path is needed', { home: 'agent' }],
    ['line break', { home: '/srv/a\nExecStart=/bin/evil' }],
    ['control character', { home: '/srv/a\u0000b' }],
    ['control character', { home: '/srv/a\u0085b' }],
    ['half a character', { home: '/srv/a\ud800b' }],
    ['line break', { node: '/srv/a\rb' }],
    ['a colon', { node: '/srv/a:b/node' }],
  ])('is refused with the reason, %s: %j', (why, options) => {
    for (const kind of ['systemd', 'launchd'] as const) expect(refused({ kind, ...options })).toContain(why);
  });

  it('of the workspace is refused too', () => {
    expect(refused({ kind: 'systemd' }, workspace('line\nbreak'))).toContain('the workspace cannot be');
  });

  it('to nothing is told', () => {
    rmSync(join(root, 'node_modules'), { recursive: true });
    const output = generate({ kind: 'systemd', node: '/opt/gone/node' });
    expect(output).toContain('there is no /opt/gone/node now');
    expect(output).toContain(`there is no ${join(root, 'node_modules/nx-deploy/dist/bin/nx-deploy.js')} now`);
  });
});

it('passes on a failure that is not a refusal', () => {
  const tree = { root, exists: () => { throw new Error('disk on fire'); } } as unknown as Tree;
  expect(() => generator(tree, { kind: 'systemd' })).toThrow(/^disk on fire$/);
});
