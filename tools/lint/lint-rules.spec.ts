import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

interface Sample {
  readonly file: string;
  readonly code: string;
  readonly rules: readonly string[];
  readonly expected: readonly string[];
}

const imports = ['no-restricted-imports', 'no-restricted-syntax'];
const source = 'packages/nx-deploy/src';

function sample(file: string, code: string, rules: readonly string[], expected: readonly string[]): Sample {
  return { file, code, rules, expected };
}
const forbidden = (file: string, from: string): Sample =>
  sample(`${source}/${file}`, `import { a } from '${from}';\nexport const b = a;\n`, imports, ['no-restricted-imports']);
const allowed = (file: string, from: string): Sample =>
  sample(`${source}/${file}`, `import { a } from '${from}';\nexport const b = a;\n`, imports, []);
const typeOnly = (file: string, from: string): Sample =>
  sample(`${source}/${file}`, `import type { A } from '${from}';\nexport type B = A;\n`, imports, []);
const inPackage = (name: string, from: string, expected: readonly string[]): Sample =>
  sample(`packages/${name}/src/x.ts`, `import { a } from '${from}';\nexport const b = a;\n`, imports, expected);

const samples: readonly Sample[] = [
  // The ground floor.
  forbidden('model/x.ts', '../errors.js'),
  forbidden('model/x.ts', 'node:fs'),
  forbidden('model/x.ts', 'zod'),
  allowed('model/x.ts', 'node:crypto'),
  allowed('model/x.ts', './fleet.js'),
  forbidden('errors.ts', './model/index.js'),
  forbidden('errors.ts', 'node:fs'),
  // Strategies are pure.
  forbidden('strategies/x.ts', '../platforms/platform.js'),
  forbidden('strategies/x.ts', '../apply/apply.js'),
  forbidden('strategies/x.ts', 'node:fs'),
  allowed('strategies/x.ts', '../model/index.js'),
  allowed('strategies/x.ts', '../errors.js'),
  // What platforms stand on does not look up.
  ...['releases', 'shell', 'routers', 'archive', 'config', 'terminal'].flatMap((folder) => [
    forbidden(`${folder}/x.ts`, '../platforms/platform.js'),
    forbidden(`${folder}/x.ts`, '../plan/plan.js'),
    forbidden(`${folder}/deeper/x.ts`, '../../commands/deploy.js'),
    allowed(`${folder}/x.ts`, '../model/index.js'),
    allowed(`${folder}/deeper/x.ts`, '../../errors.js'),
    allowed(`${folder}/deeper/x.ts`, '../y.js'),
  ]),
  forbidden('archive/x.ts', '../config/resolved.js'),
  typeOnly('archive/x.ts', '../config/resolved.js'),
  forbidden('agent/x.ts', '../platforms/local/platform.js'),
  forbidden('agent/x.ts', '../strategies/index.js'),
  forbidden('agent/control/x.ts', '../../apply/apply.js'),
  allowed('agent/control/x.ts', '../../routers/embedded/router.js'),
  forbidden('hooks/x.ts', '../releases/journal.js'),
  allowed('hooks/x.ts', '../shell/run.js'),
  // Platforms know neither strategies nor each other.
  forbidden('platforms/local/x.ts', '../../strategies/index.js'),
  forbidden('platforms/local/x.ts', '../../plan/plan.js'),
  forbidden('platforms/local/x.ts', '../../apply/apply.js'),
  forbidden('platforms/local/x.ts', '../../config/load.js'),
  forbidden('platforms/local/x.ts', '../docker/commands.js'),
  forbidden('platforms/local/deeper/x.ts', '../../docker/commands.js'),
  forbidden('platforms/x.ts', '../strategies/index.js'),
  allowed('platforms/local/x.ts', '../platform.js'),
  allowed('platforms/local/deeper/x.ts', '../../platform.js'),
  allowed('platforms/local/x.ts', '../../agent/client.js'),
  allowed('platforms/index.ts', './local/platform.js'),
  // Plan and apply know the platform's interface alone.
  forbidden('plan/x.ts', '../platforms/local/platform.js'),
  forbidden('plan/x.ts', '../platforms/platform.js'),
  typeOnly('plan/x.ts', '../platforms/platform.js'),
  forbidden('plan/x.ts', '../apply/apply.js'),
  allowed('plan/x.ts', '../strategies/index.js'),
  forbidden('apply/x.ts', '../strategies/index.js'),
  forbidden('apply/x.ts', '../agent/client.js'),
  typeOnly('apply/x.ts', '../platforms/platform.js'),
  allowed('apply/x.ts', '../plan/plan.js'),
  // The engine drives what is planned on any platform; only the agent's control knows which.
  forbidden('engine/x.ts', '../platforms/local/platform.js'),
  forbidden('engine/x.ts', '../platforms/platform.js'),
  forbidden('engine/x.ts', '../control/client.js'),
  typeOnly('engine/x.ts', '../platforms/platform.js'),
  allowed('engine/x.ts', '../apply/index.js'),
  forbidden('control/x.ts', '../commands/deploy.js'),
  forbidden('control/x.ts', '../strategies/index.js'),
  allowed('control/x.ts', '../engine/change.js'),
  // A walker of its own knows no platform: its program brings one.
  forbidden('walker/x.ts', '../platforms/local/remote.js'),
  forbidden('walker/x.ts', '../control/client.js'),
  forbidden('walker/x.ts', '../control/protocol.js'),
  typeOnly('walker/x.ts', '../control/protocol.js'),
  forbidden('control/x.ts', '../walker/start.js'),
  allowed('commands/x.ts', '../walker/start.js'),
  // The ways in are on top.
  forbidden('commands/x.ts', '../executors/deploy/executor.js'),
  forbidden('commands/x.ts', '../bin/nx-deploy.js'),
  forbidden('commands/x.ts', '../plugin.js'),
  allowed('commands/x.ts', '../platforms/local/platform.js'),
  allowed('executors/deploy/executor.ts', '../../commands/deploy.js'),
  allowed('bin/x.ts', '../commands/deploy.js'),
  allowed('plugin.ts', './config/load.js'),
  // Nothing reaches a folder that is not named.
  forbidden('commands/x.ts', '../unheard/of.js'),
  // Ways around.
  forbidden('model/x.ts', './../errors.js'),
  forbidden('agent/x.ts', '../releases/../plan/plan.js'),
  forbidden('agent/x.ts', '../../../nx-health/src/index.js'),
  forbidden('agent/x.ts', 'nx-deploy/dist/plan/plan.js'),
  sample(`${source}/agent/x.ts`, `export * from '../plan/plan.js';\n`, imports, ['no-restricted-imports']),
  sample(`${source}/agent/x.ts`, `export const a = () => import('../plan/plan.js');\n`, imports, ['no-restricted-syntax']),
  sample(`${source}/agent/x.ts`, `export const a = () => import('../routers/router.js');\n`, imports, []),
  // Processes.
  forbidden('agent/x.ts', 'node:child_process'),
  forbidden('agent/x.ts', 'child_process'),
  forbidden('agent/x.ts', 'execa'),
  forbidden('index.ts', 'node:child_process'),
  forbidden('executors/deploy/executor.ts', 'execa'),
  sample(`${source}/agent/x.ts`, `export const a = () => import('execa');\n`, imports, ['no-restricted-syntax']),
  allowed('shell/x.ts', 'node:child_process'),
  allowed('shell/x.ts', 'execa'),
  allowed('agent/x.spec.ts', 'node:child_process'),
  inPackage('nx-health', 'node:child_process', ['no-restricted-imports']),
  inPackage('nx-env-sync', 'node:child_process', ['no-restricted-imports']),
  sample('packages/nx-env-sync/src/shell/x.ts', `import { a } from 'node:child_process';\nexport const b = a;\n`, imports, []),
  sample('packages/nx-env-sync/src/shell/x.ts', `import { a } from 'nx-deploy';\nexport const b = a;\n`, imports, ['no-restricted-imports']),
  sample('tools/x.ts', `import { a } from 'node:child_process';\nexport const b = a;\n`, imports, []),
  // Packages.
  ...['nx-health', 'nx-env-sync', 'nx-build-manifest'].flatMap((name, index, all) => [
    allowed('commands/x.ts', name),
    inPackage(name, 'nx-deploy', ['no-restricted-imports']),
    inPackage(name, 'nx-deploy/dist/errors.js', ['no-restricted-imports']),
    inPackage(name, '../../nx-deploy/src/errors.js', ['no-restricted-imports']),
    inPackage(name, all[(index + 1) % all.length] ?? '', ['no-restricted-imports']),
    inPackage(name, all[(index + 2) % all.length] ?? '', ['no-restricted-imports']),
    inPackage(name, '@nx/devkit', []),
  ]),
  // Other rules of the house.
  sample('tools/x.ts', `// caf\u00e9\nexport const a = 1;\n`, ['local/plain-ascii'], ['local/plain-ascii']),
  sample('tools/x.ts', `export const a = 'a\u200bb';\n`, ['local/plain-ascii'], ['local/plain-ascii']),
  sample('tools/x.ts', `export const a = '\\u00e9';\n`, ['local/plain-ascii'], []),
  sample('tools/x.ts', 'export const a = 1;\n'.repeat(251), ['max-lines'], ['max-lines']),
  sample('tools/x.ts', 'export const a = 1;\n\n// note\n'.repeat(250), ['max-lines'], []),
  sample('tools/x.spec.ts', 'export const a = 1;\n'.repeat(600), ['max-lines'], []),
  sample('tools/x.spec.ts', 'export const a = 1;\n'.repeat(601), ['max-lines'], ['max-lines']),
  sample('tools/x.ts', `export function a(): void {\n${'  f();\n'.repeat(60)}}\n`, ['max-lines-per-function'], ['max-lines-per-function']),
  sample('tools/x.ts', 'export const a: any = 1;\n', ['@typescript-eslint/no-explicit-any'], ['@typescript-eslint/no-explicit-any']),
];

function lint(): string[][] {
  const output = execFileSync(process.execPath, [join(__dirname, 'lint-samples.mjs')], {
    input: JSON.stringify(samples),
    encoding: 'utf8',
  });
  return JSON.parse(output) as string[][];
}

const title = ({ file, code }: Sample): string => `${file}: ${code.split('\n', 1)[0]?.slice(0, 80) ?? ''}`;

describe('the lint rules', () => {
  let reported: string[][] = [];
  beforeAll(() => {
    reported = lint();
  });

  it('know every folder', () => {
    const rows = readFileSync(join(__dirname, 'layers.mjs'), 'utf8').matchAll(/^ {2}'?([a-z-]+)'?: \{ may: /gm);
    const folders = readdirSync(join(__dirname, '../..', source), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    expect([...rows].map((row) => row[1])).toEqual(expect.arrayContaining(folders));
  });

  it.each(samples.map((each, index) => [`${each.expected.length > 0 ? 'report' : 'accept'} ${title(each)}`, index] as const))('%s', (_, index) => {
    const each = samples[index];
    const found = (reported[index] ?? ['nothing was linted']).filter((rule, at, all) => all.indexOf(rule) === at);
    expect(found).toEqual(each?.expected);
  });
});
