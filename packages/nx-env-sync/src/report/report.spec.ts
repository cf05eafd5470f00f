import { Ajv } from 'ajv';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import validate, { type ValidateOptions } from '../executors/validate/validate.js';
import { RULES } from '../problem.js';
import { printedBy, testWorkspace } from '../workspace.spec-support.js';
import type { Report } from './report.js';

const place = testWorkspace();
const start = async (options: ValidateOptions): ReturnType<typeof printedBy<{ success: boolean }>> =>
  printedBy(async () => validate(options, { root: place.root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } }));

/**
 * What sarif-schema-2.1.0.json of OASIS requires of the parts that are written here: its `required`, `additionalProperties`, `enum` and `minimum`, with the
 * properties that stand in a report.
 */
const message = { type: 'object', additionalProperties: false, properties: { text: { type: 'string' } }, required: ['text'] };
const level = { enum: ['none', 'note', 'warning', 'error'] };
const object = (properties: object, required: readonly string[] = []): object => ({ type: 'object', additionalProperties: false, properties, required });
const list = (items: object): object => ({ type: 'array', items });
const SARIF = object({
  $schema: { type: 'string' },
  version: { enum: ['2.1.0'] },
  runs: list(object({
    tool: object({ driver: object({ name: { type: 'string' }, rules: { ...list(object({ id: { type: 'string' }, shortDescription: message }, ['id'])), uniqueItems: true } }, ['name']) }, ['driver']),
    invocations: list(object({ executionSuccessful: { type: 'boolean' }, toolExecutionNotifications: list(object({ level, message }, ['message'])) }, ['executionSuccessful'])),
    results: list(object({
      ruleId: { type: 'string' }, ruleIndex: { type: 'integer', minimum: -1 }, level, message,
      locations: list(object({
        physicalLocation: object({ artifactLocation: object({ uri: { type: 'string' }, uriBaseId: { type: 'string' } }), region: object({ startLine: { type: 'integer', minimum: 1 } }) }, ['artifactLocation']),
      })),
    }, ['message'])),
  }, ['tool'])),
}, ['version', 'runs']);
const isSarif = new Ajv().compile(SARIF);

interface Sarif {
  readonly runs: readonly [{
    readonly tool: { readonly driver: { readonly rules: readonly { readonly id: string }[] } };
    readonly invocations: readonly [{ readonly executionSuccessful: boolean; readonly toolExecutionNotifications?: readonly { readonly message: { readonly text: string } }[] }];
    readonly results: readonly { readonly ruleId: string; readonly ruleIndex: number; readonly level: string; readonly message: { readonly text: string }; readonly locations?: unknown }[];
  }];
}
const sarifIn = (text: string): Sarif['runs'][0] => {
  const sarif: unknown = JSON.parse(text);
  expect([isSarif(sarif), isSarif.errors]).toEqual([true, null]);
  return (sarif as Sarif).runs[0];
};

const PLANTED = 'planted-4711-vX3qLm';
/** Wrong in many ways, with the value in every place that a message might quote. */
const hostile = {
  'environments/env.schema.json': `{ "properties": { "N": { "type": "integer" }, "E": { "enum": ["a"] }, "P": { "pattern": "^a$" }, "U": { "format": "uri" }, "TOKEN": { "x-secret": true, "enum": ["b"] }, "GO": { "x-deprecated": true } }, "required": ["MISSING"] }`,
  'environments/production.env': `N=${PLANTED}\nE=${PLANTED}\nP=${PLANTED}\nU=${PLANTED}\nTOKEN=${PLANTED}\nGO=${PLANTED}\nUNKNOWN=${PLANTED}\n${PLANTED}\n${PLANTED}=x\nNUL=a\0${PLANTED}\nSHELL_KEY=$(${PLANTED})\nBIG=${PLANTED.repeat(10_000)}\nOPEN="${PLANTED}\n`,
  'environments/staging.env': `TIER=${PLANTED}\n`,
};

describe('a report', () => {
  it('as JSON holds what the text says', async () => {
    place.write(hostile);
    const { result, printed } = await start({ environment: 'production', format: 'json' });
    expect(result.success).toBe(false);
    const report = JSON.parse(printed) as Report;
    expect(report).toMatchObject({ project: 'api', environment: 'production', outcome: 'invalid', next: [] });
    expect(report.findings).toContainEqual({ rule: 'value', severity: 'error', file: 'environments/production.env', line: 1, key: 'N', message: 'must be a whole number' });
    expect(report.findings).toContainEqual(expect.objectContaining({ rule: 'missing', file: 'apps/api/environments/production.env', key: 'MISSING' }));
    expect(report.keys).toContainEqual({ key: 'TOKEN', secret: true, file: 'environments/production.env', line: 5 });
    const text = (await start({ environment: 'production' })).printed;
    expect(text.match(/^ {2}- .*\[[a-z-]+\]$/gm)).toHaveLength(report.findings.length);
    expect(text).toMatch(new RegExp(`error: environment production of api: ${report.findings.length} problems\n$`));
  });

  it('as SARIF has what its schema requires, every rule, and a place that can be opened', async () => {
    place.write({ ...hostile, 'apps/a b#c/environments/production.env': 'X Y\n' });
    const { printed } = await printedBy(async () => validate({ environment: 'production', format: 'sarif' }, { root: place.root, projectName: 'odd', projectsConfigurations: { version: 2, projects: { odd: { root: 'apps/a b#c' } } } }));
    const run = sarifIn(printed);
    expect(run.tool.driver.rules.map(({ id }) => id)).toEqual(Object.keys(RULES));
    expect(run.results.length).toBeGreaterThan(10);
    for (const { ruleId, ruleIndex } of run.results) expect(run.tool.driver.rules[ruleIndex]?.id).toBe(ruleId);
    expect(run.results).toContainEqual(expect.objectContaining({ ruleId: 'value', level: 'error', message: { text: 'N: must be a whole number' }, locations: [{ physicalLocation: { artifactLocation: { uri: 'environments/production.env', uriBaseId: 'SRCROOT' }, region: { startLine: 1 } } }] }));
    expect(run.results).toContainEqual(expect.objectContaining({ ruleId: 'syntax', locations: [{ physicalLocation: { artifactLocation: { uri: 'apps/a%20b%23c/environments/production.env', uriBaseId: 'SRCROOT' }, region: { startLine: 1 } } }] }));
    expect(run.invocations[0]).toMatchObject({ executionSuccessful: true, toolExecutionNotifications: [{ message: { text: expect.stringContaining('git could not tell') as string } }] });
  });

  it.each(['text', 'json', 'sarif'] as const)('as %s never holds a value, is plain ASCII, and is written where it is told beside the text', async (format) => {
    place.write(hostile);
    place.track('environments');
    const before = place.files();
    const { printed } = await start({ environment: 'production', format, outputFile: '{projectRoot}/reports/env.out' });
    const written = place.read('apps/api/reports/env.out');
    expect(place.files()).toEqual([...before, 'apps/api/reports/env.out'].sort());
    for (const text of [printed, written, (await start({ environment: 'production', format })).printed]) {
      expect(text).toMatch(/^[\n\x20-\x7e]+$/);
      expect(text).not.toContain('4711');
    }
    expect(printed).toContain('error: environment production of api: ');
    expect(printed).toContain(`wrote apps/api/reports/env.out: ${format}\n`);
    expect(written).toBe((await start({ environment: 'production', format })).printed);
  });

  it.each([
    ['a value of 1 MB', `A=${PLANTED.repeat(55_000)}\n`], ['a line of 1 MB that is none', `${PLANTED.repeat(55_000)}\n`], ['a file that is too large', `A=${PLANTED.repeat(60_000)}\n`],
    ['a megabyte in quotes', `A="${`${PLANTED}\n`.repeat(50_000)}"\n`], ['keys with everything', `A\u001b[31m${PLANTED}=1\n\u0000${PLANTED}=1\n$(${PLANTED})=1\n\`${PLANTED}\`=1\n__proto__=${PLANTED}\n`],
    ['values with everything', `TOKEN=$(${PLANTED})\u0007\nB='\`${PLANTED}\`\n\u001b[2J'\nC="\\n${PLANTED}\u202e"\n`],
  ])('of %s is short, plain and tells no value', async (_, text) => {
    place.write({ 'environments/production.env': text, 'environments/env.schema.json': `{"properties":{"A":{"minLength":4},"TOKEN":{"x-secret":true,"format":"uri"},"B\\n\\u001b[31m":{},"C":{"enum":["x\\u0007"]}}}` });
    for (const format of ['text', 'json', 'sarif'] as const) {
      const { printed } = await start({ environment: 'production', format });
      expect(printed).toMatch(/^[\n\x20-\x7e]+$/);
      expect(printed).not.toContain('4711');
      expect(printed.length).toBeLessThan(20_000);
    }
  });

  it('of an environment that is not there is one for programs too', async () => {
    place.write({ 'environments/staging.env': 'A=1\n' });
    for (const [options, first] of [[{}, 'no environment was named'], [{ environment: 'x/y' }, 'environment x/y of api does not exist'], [{ environment: 'prod' }, 'environment prod of api does not exist']] as const) {
      const json = JSON.parse((await start({ ...options, format: 'json' })).printed) as Report;
      expect(json).toMatchObject({ outcome: 'refused', keys: [], next: expect.arrayContaining(['known environments: staging']) as string[] });
      expect(json.findings[0]).toEqual({ rule: 'environment', severity: 'error', message: first });
      const run = sarifIn((await start({ ...options, format: 'sarif' })).printed);
      expect(run.invocations[0].executionSuccessful).toBe(false);
      expect(run.results[0]).not.toHaveProperty('locations');
    }
  });

  it('with nothing but warnings succeeds and counts them', async () => {
    place.write({ 'environments/dev.env': 'A=1\n', 'environments/staging.env': 'A=1\nB=2\n' });
    const { result, printed } = await start({ environment: 'dev' });
    expect([result.success, printed.split('\n').slice(-3)]).toEqual([true, [
      '  - warning: apps/api/environments/dev.env B: is set in staging (environments/staging.env:2) and not here; set it, or say in the schema that it may differ ("x-sync": "never") [tiers]',
      'environment dev of api: valid, 1 key, 1 warning', '',
    ]]);
  });

  it.each([
    ['../out', 'outputFile must be a file in the workspace'], ['/out', 'outputFile must be a file in the workspace'], ['.', 'outputFile must be a file in the workspace'],
    ['environments/staging.env', 'neither an environment file nor a schema'], ['apps/api/.env', 'neither an environment file nor a schema'], ['environments/env.schema.json', 'neither an environment file nor a schema'],
  ])('is not written to %s', async (outputFile, why) => {
    place.write({ 'environments/staging.env': 'A=1\n' });
    const { result, printed } = await start({ environment: 'staging', outputFile });
    expect([result.success, printed]).toEqual([false, expect.stringMatching(new RegExp(`^error: .*${why}\n  where: .*\n  next: .*\n$`))]);
    expect(place.files()).toEqual(['environments/staging.env']);
  });

  it('that cannot be written says why', async () => {
    place.write({ 'environments/staging.env': 'A=1\n', file: '' });
    const { result, printed } = await start({ environment: 'staging', outputFile: 'file/report.json' });
    expect(result.success).toBe(false);
    expect(printed).toContain('error: the file could not be written\n  where: file/report.json\n  why: E');
    expect(existsSync(join(place.root, 'file'))).toBe(true);
  });
});

it('every rule has its line in the page', () => {
  const page = readFileSync(join(__dirname, '../../../../docs/env-sync/validate.md'), 'utf8');
  expect(Object.keys(RULES).filter((id) => !page.includes(`| \`${id}\` |`))).toEqual([]);
});
