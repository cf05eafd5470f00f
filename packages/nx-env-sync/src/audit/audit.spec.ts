import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encryptArmored, newKeyPair } from '../secrets/age.js';
import { validateEnvironment, type ValidatedEnvironment } from '../validation/validate-environment.js';
import { testWorkspace } from '../workspace.spec-support.js';
import { isSecretName } from './secret-names.js';

const place = testWorkspace();
const validate = async (environment = 'staging', variables: NodeJS.ProcessEnv = { PATH: process.env['PATH'], HOME: place.root }): Promise<ValidatedEnvironment> =>
  validateEnvironment({ environment, workspaceRoot: place.root, projectRoot: 'apps/api', variables });
const lines = ({ findings }: ValidatedEnvironment, rule: string): string[] => findings.filter((each) => each.rule === rule).map(({ severity, file, line = '', key = '', what }) => `${severity} ${file}:${line} ${key} ${what}`);
const SECRET = { 'x-secret': true };
const GOOD = 'vX3-9qLmT7_rWz-planted';

describe('weak secrets', () => {
  it.each([
    ['changeme', 'placeholder'], ['ChangeMe123', 'placeholder'], ['<your token>', 'placeholder'], ['{{ token }}', 'placeholder'], ['xxxx', 'placeholder'], ['your-api-key-here', 'placeholder'],
    ['replace_with_real', 'placeholder'], ['****', 'placeholder'], ['password1', 'placeholder'], ['postgres://app:password@db/app', 'placeholder'],
    ['k3Jq9', 'fewer than 12'], ['aaaaaaaaaaaaaaaa', 'easy to guess'], ['abababababababab', 'easy to guess'], ['abcdefghijklmnop', 'easy to guess'], ['9876543210/.-,+*', 'easy to guess'],
  ])('%j is one', async (value, why) => {
    place.write({ 'environments/staging.env': `TOKEN='${value}'\n`, 'environments/env.schema.json': { properties: { TOKEN: SECRET } } });
    const found = lines(await validate(), 'weak-secret');
    expect(found).toEqual([expect.stringContaining('warning environments/staging.env:1 TOKEN ')]);
    expect(found[0]).toContain(why);
  });

  it.each([
    [GOOD, SECRET], ['', SECRET], ['postgres://app:vX39qLm@db/app', SECRET], ['1234', { ...SECRET, pattern: '^[0-9]{4}$' }], ['1234', { ...SECRET, type: 'integer' }], ['k3Jq9', { ...SECRET, minLength: 5 }],
    [`secret-${'x7Kq'.repeat(40)}`, SECRET], ['changeme', {}],
  ])('%j under %j is none', async (value, definition) => {
    place.write({ 'environments/staging.env': `TOKEN='${value}'\n`, 'environments/env.schema.json': { properties: { TOKEN: definition } } });
    expect(lines(await validate(), 'weak-secret')).toEqual([]);
  });

  it('a minimal length says nothing about how easy it is to guess', async () => {
    place.write({ 'environments/staging.env': 'TOKEN=aaaaaaaaaaaaaaaa\n', 'environments/env.schema.json': { properties: { TOKEN: { ...SECRET, minLength: 16 } } } });
    expect(lines(await validate(), 'weak-secret')).toEqual([expect.stringContaining('easy to guess')]);
  });

  it('are errors where the environment is protected, by its name or by the schema', async () => {
    const files = { 'environments/production.env': 'TOKEN=changeme\n', 'environments/eu.env': 'TOKEN=changeme\n' };
    place.write({ ...files, 'environments/env.schema.json': { properties: { TOKEN: SECRET } } });
    expect([await validate('production'), await validate('eu')].map(({ findings }) => findings.map(({ severity }) => severity))).toEqual([['error'], ['warning']]);
    place.write({ 'environments/env.schema.json': { properties: { TOKEN: SECRET }, 'x-protected': ['eu'] } });
    expect([await validate('production'), await validate('eu')].map(({ findings }) => findings.map(({ severity }) => severity))).toEqual([['warning'], ['error']]);
  });
});

describe('secrets in plain text', () => {
  const files = { 'environments/staging.env': `TOKEN=${GOOD}\nAPI_KEY=k\nPLAIN=1\nSTATED_KEY=x\nDSN=amqp://u:${GOOD}@mq\nEMPTY_TOKEN=\n`, 'apps/api/environments/staging.env': `OWN=${GOOD}\n`, 'environments/env.schema.json': { properties: { TOKEN: SECRET, OWN: SECRET, STATED_KEY: { 'x-secret': false } }, additionalProperties: true } };

  it('are told of files that git tracks, and of these alone', async () => {
    place.write(files);
    place.track('environments/staging.env');
    const validated = await validate();
    expect(lines(validated, 'plain-secret')).toEqual(['warning environments/staging.env:1 TOKEN is a secret in plain text in a file that git tracks; move it to environments/staging.secrets.env, and give it a new value']);
    expect(lines(validated, 'undeclared-secret').map((line) => line.split(' ').slice(0, 3).join(' '))).toEqual(['warning environments/staging.env:2 API_KEY', 'warning environments/staging.env:5 DSN']);
    expect(validated.notes).toEqual([]);
    place.track('apps');
    expect(lines(await validate(), 'plain-secret')).toHaveLength(2);
    expect(JSON.stringify([validated.findings, validated.notes])).not.toContain(GOOD);
  });

  it('are not looked for without a repository or without git, which is said once', async () => {
    place.write(files);
    for (const [variables, why] of [[{ PATH: process.env['PATH'], GIT_CEILING_DIRECTORIES: '/' }, 'ended with exit code 128'], [{ PATH: join(place.root, 'none') }, 'was not found']] as const) {
      const validated = await validate('staging', variables);
      expect(lines(validated, 'plain-secret')).toEqual([]);
      expect(validated.notes).toEqual([expect.stringContaining(`git could not tell which files it tracks (it ${why})`)]);
    }
  });

  it('do not start what a repository names in its configuration, nor ask git where there is nothing to ask', async () => {
    const program = join(place.root, 'git');
    place.write({ 'environments/staging.env': 'A=1\n' });
    writeFileSync(program, '#!/bin/sh\necho x >> "$(dirname "$0")/asked"\nexit 1\n');
    chmodSync(program, 0o755);
    await validate('staging', { PATH: `${place.root}:${process.env['PATH'] ?? ''}` });
    expect(place.exists('asked')).toBe(false);
    place.write(files);
    await validate('staging', { PATH: `${place.root}:${process.env['PATH'] ?? ''}` });
    expect(place.read('asked')).toBe('x\n');
  });

  it('what only refers to a secret is none, where references are replaced', async () => {
    const schema = { properties: { A: SECRET, B: {} }, 'x-expand': true };
    place.write({ 'environments/staging.env': `A=${GOOD}\n`, 'apps/api/environments/staging.env': 'B=${A}\n', 'environments/env.schema.json': schema });
    place.track('apps/api/environments/staging.env');
    expect(lines(await validate(), 'plain-secret')).toEqual([]);
    place.write({ 'apps/api/environments/staging.env': 'B=x${A}\n' });
    expect(lines(await validate(), 'plain-secret')).toHaveLength(1);
  });
});

describe('keys that differ between environments', () => {
  it('are told once, with the first place that sets them', async () => {
    place.write({ 'environments/production.env': 'A=1\n', 'apps/api/environments/staging.env': 'A=1\nNEW=1\nOTHER=2\n', 'environments/dev.env': '\nNEW=1\n' });
    expect(lines(await validate('production'), 'tiers').map((line) => line.split(' and not here')[0])).toEqual([
      'error apps/api/environments/production.env: NEW is set in dev (environments/dev.env:2)', 'error apps/api/environments/production.env: OTHER is set in staging (apps/api/environments/staging.env:3)',
    ]);
    expect(lines(await validate('staging'), 'tiers')).toEqual([]);
  });

  it('are meant where the schema says so, and problems already where they are required', async () => {
    const properties = { DEFAULTED: { default: 'x' }, HERE: { 'x-sync': 'never' }, TIER: { 'x-tiers': { production: { required: false } } }, MUST: {}, OPTIONAL: {} };
    place.write({ 'environments/production.env': '', 'environments/staging.env': 'DEFAULTED=1\nHERE=1\nTIER=1\nMUST=1\nOPTIONAL=1\n', 'environments/env.schema.json': { properties, required: ['MUST', 'TIER'] } });
    const validated = await validate('production');
    expect(validated.findings.map(({ rule, key }) => `${rule} ${key ?? ''}`)).toEqual(['missing MUST', 'tiers OPTIONAL']);
  });

  it('may stand in a file of secrets that cannot be read', async () => {
    const { identity, recipient } = await newKeyPair();
    place.write({
      'environments/staging.env': `TOKEN=${GOOD}\nLEVEL=1\n`, 'environments/production.secrets.env': await encryptArmored(`TOKEN=${GOOD}\n`, [recipient]),
      'environments/env.schema.json': { properties: { TOKEN: SECRET, LEVEL: {} } },
    });
    const keys = async (variables?: NodeJS.ProcessEnv): Promise<string[]> => (await validate('production', variables)).findings.map(({ rule, key }) => `${rule} ${key ?? ''}`.trim());
    expect(await keys({ XDG_CONFIG_HOME: place.root })).toEqual(['file', 'tiers LEVEL']);
    expect(await keys({ NX_ENV_SYNC_IDENTITY: identity })).toEqual(['tiers LEVEL']);
  });
});

it('tells of keys that go, with the reason, wherever they are set', async () => {
  place.write({
    'environments/staging.env': 'OLD=1\n', 'apps/api/environments/staging.env': '\nOLD=2\nGONE=1\nFINE=1\n',
    'environments/env.schema.json': { properties: { OLD: { 'x-deprecated': 'use NEW\u0007' }, GONE: { 'x-deprecated': true }, FINE: { 'x-deprecated': false } } },
  });
  expect(lines(await validate(), 'deprecated')).toEqual([
    'warning environments/staging.env:1 OLD is deprecated: use NEW\\u{7}', 'warning apps/api/environments/staging.env:2 OLD is deprecated: use NEW\\u{7}', 'warning apps/api/environments/staging.env:3 GONE is deprecated; remove it',
  ]);
});

it('finds every kind of problem and audit at once, each with its file and line, and no value', async () => {
  mkdirSync(join(place.root, 'apps/api'), { recursive: true });
  place.write({
    'environments/env.schema.json': `{\n"x-expand": true,\n"properties": {\n"N": { "type": "integer" },\n"TOKEN": { "x-secret": true },\n"OLD": { "x-deprecated": "gone" },\n"NOW": { "x-renamed-from": "BEFORE" },\n"BAD": { "type": "list" },\n"R": {}, "S": {}, "T": {}\n},\n"required": ["URL"]\n}`,
    'environments/production.env': `N=${GOOD}\nTOKEN=changeme\nOLD=1\nBEFORE=1\nTOKN=1\nN=2\n${GOOD}\nPORT=1\nR=\${S}\nS=\${R}\nT=\${NONE}\n`,
    'environments/staging.env': 'LOST_KEY=1\n',
  });
  place.track('environments');
  const { findings } = await validate('production');
  expect(findings.map(({ severity, rule, file, line = 0, key = '' }) => `${severity} ${rule} ${file}:${line} ${key}`.trim())).toEqual([
    'error duplicate environments/production.env:6 N', 'error syntax environments/production.env:7', 'error reserved environments/production.env:8 PORT',
    'error renamed environments/production.env:4 BEFORE', 'error unknown environments/production.env:5 TOKN', 'error missing apps/api/environments/production.env:0 URL',
    'error reference environments/production.env:10 S', 'error reference environments/production.env:11 T', 'error schema environments/env.schema.json:8 BAD',
    'error deprecated environments/production.env:3 OLD', 'error weak-secret environments/production.env:2 TOKEN', 'error plain-secret environments/production.env:2 TOKEN',
    'error tiers apps/api/environments/production.env:0 LOST_KEY',
  ]);
  expect(JSON.stringify(findings)).not.toContain(GOOD);
});

it.each([
  ['TOKEN', true], ['GITHUB_TOKEN', true], ['API_KEY', true], ['APIKEY', true], ['apiKey', true], ['DB_PASSWORD', true], ['STRIPE_KEY', true], ['JWT_SECRET', true], ['AWS_SECRET_ACCESS_KEY', true], ['KEY', true],
  ['TOKEN_LIFETIME', false], ['PUBLIC_KEY', false], ['MONKEY', false], ['STRIPE_PUBLISHABLE_KEY', false], ['CACHE_KEY', false], ['LEVEL', false], ['SECRETARY', false],
])('the name %s tells of a secret: %s', (name, secret) => {
  expect(isSecretName(name)).toBe(secret);
});
