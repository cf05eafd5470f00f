import fc from 'fast-check';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fillIn, linesOf, neededVariables } from '../../rendering/template.js';
import { testProject } from '../project.spec-support.js';
import render, { type RenderOptions } from './render.js';

const place = testProject();
const PLANTED = 'planted-4711';
const run = async (options: Partial<RenderOptions> = {}): Promise<boolean> => place.run(render, { template: '{projectRoot}/app.conf.template', outputFile: 'dist/{projectRoot}/app.conf', ...options }, 'staging');
const TEMPLATE = 'apps/api/app.conf.template';
const OUT = 'dist/apps/api/app.conf';

describe('the language of templates', () => {
  it('is that of the page', () => {
    const page = readFileSync(join(__dirname, '../../../../../docs/env-sync/render.md'), 'utf8');
    const rows = [...page.matchAll(/^\| `(\$[^`]+)` \| /gm)].map((match) => match[1] ?? '');
    expect(rows.map((text) => fillIn(text, { NAME: 'value' }).text)).toEqual(['value', 'value', '${']);
  });

  it('replaces names once, takes what stands for them, and leaves what only looks like a place', () => {
    expect(fillIn('a=${A} b=${B:-b c} e=${E:-} $A $${A} ${} ${1} ${a-b} $(id)', { A: '1$&${B}' })).toEqual({ text: 'a=1$&${B} b=b c e= $A ${A} ${} ${1} ${a-b} $(id)', used: ['A', 'B', 'E'], missing: [] });
    expect(fillIn('${A} ${constructor} ${Z} ${A}', {})).toEqual({ text: '${A} ${constructor} ${Z} ${A}', used: ['A', 'constructor', 'Z'], missing: ['A', 'Z', 'constructor'] });
    expect(neededVariables('${B} ${A} ${B} ${C:-x} $${D}')).toEqual(['A', 'B']);
    expect(linesOf('A', '${A}${A}\n\n$${A} ${B}\r\n${A:-x}')).toEqual([1, 4]);
  });

  it('gives back any text without a place, and any value as it is', () => {
    fc.assert(fc.property(fc.string().filter((text) => !text.includes('$')), (text) => { expect(fillIn(text, {}).text).toBe(text); }), { numRuns: 200 });
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (value) => { expect(fillIn('<${A}>', { A: value }).text).toBe(`<${value}>`); }), { numRuns: 500 });
  });
});

describe('executor render', () => {
  it('writes the file, and nothing when it is there already', async () => {
    place.write({ 'environments/staging.env': 'LEVEL=info\n', 'apps/api/environments/staging.env': 'URL="https://x/$(id)"\n', [TEMPLATE]: 'level=${LEVEL}\nurl=${URL}\nmode=${MODE:-fast}\n' });
    expect(await run({ check: true })).toBe(false);
    expect(place.printed()).toBe(`error: ${OUT}: is missing\n  next: run the same without --check\n`);
    expect(await run()).toBe(true);
    expect(place.printed()).toBe(`wrote ${OUT}: 3 variables of staging\n`);
    expect(place.read(OUT)).toBe('level=info\nurl=https://x/$(id)\nmode=fast\n');
    expect(statSync(join(place.root, OUT)).mode & 0o777).toBe(0o644);
    expect([await run(), await run({ check: true })]).toEqual([true, true]);
    expect(place.printed()).toBe(`${OUT}: up to date, 3 variables\n`.repeat(2));
    place.write({ 'environments/staging.env': 'LEVEL=warn\n' });
    expect(await run({ check: true, json: true })).toBe(false);
    expect(JSON.parse(place.printed())).toEqual({ success: false, environment: 'staging', template: TEMPLATE, file: OUT, variables: ['LEVEL', 'MODE', 'URL'], state: 'outdated' });
  });

  it('names every variable that is missing or secret, with each line, and no value', async () => {
    place.write({
      'environments/env.schema.json': { properties: { TOKEN: { 'x-secret': true }, LEVEL: {} } }, 'environments/staging.env': `TOKEN=${PLANTED}\nLEVEL=1\n`,
      [TEMPLATE]: 'a=${LEVL}\n${TOKEN}\n\n${UNLIKE} ${LEVL}\n',
    });
    expect(await run()).toBe(false);
    expect(place.printed()).toBe([
      'error: the template cannot be filled in for staging', `  - ${TEMPLATE}:1: the variable LEVL is not set; did you mean LEVEL?`, `  - ${TEMPLATE}:4: the variable LEVL is not set; did you mean LEVEL?`, `  - ${TEMPLATE}:4: the variable UNLIKE is not set`,
      `  - ${TEMPLATE}:2: the variable TOKEN is secret, and whoever reads the file would know it; give it to the process instead, or allow it by secrets`,
      '  next: set what is missing in environments/staging.env, or give it a text in the template (${NAME:-text}); nothing was written', '',
    ].join('\n'));
    expect(place.exists(OUT)).toBe(false);
  });

  it('fills secrets in where that is allowed, into a file that only its owner reads', async () => {
    place.write({ 'environments/env.schema.json': { properties: { TOKEN: { 'x-secret': true } } }, 'environments/staging.env': `TOKEN=${PLANTED}\n`, [TEMPLATE]: '${TOKEN}', [OUT]: 'old' });
    expect(await run({ secrets: true })).toBe(true);
    expect([place.read(OUT), statSync(join(place.root, OUT)).mode & 0o777]).toEqual([PLANTED, 0o600]);
    expect(place.everything()).not.toContain('4711');
  });

  it('keeps JSON what it is', async () => {
    place.write({ 'environments/staging.env': `A='x"${PLANTED}'\n`, [TEMPLATE]: '{ "a": "${A}" }' });
    expect(await run({ outputFile: 'out.json' })).toBe(false);
    expect(place.printed()).toContain(`  - ${TEMPLATE}: filled in it is no JSON any more`);
    place.write({ 'environments/staging.env': 'A=x\n' });
    expect(await run({ outputFile: 'out.json' })).toBe(true);
    expect(place.everything()).not.toContain('4711');
  });

  it.each([
    [{ environment: 'stagng' }, 'error: there is no environment stagng; did you mean staging?'], [{ environment: '../x' }, 'is no environment name'],
    [{ template: 'none' }, 'error: there is no such template\n  where: none\n'], [{ template: 'apps' }, 'error: the template is a folder, not a file\n  where: apps\n'], [{ template: '../x' }, 'error: template must be a file in the workspace\n'],
    [{ outputFile: '../x' }, 'error: outputFile must be a file in the workspace\n'], [{ outputFile: TEMPLATE }, 'error: outputFile must not be the template\n'], [{ outputFile: 'environments/staging.env' }, 'error: outputFile must be neither an environment file nor a schema\n'],
  ])('refuses %j and writes nothing', async (options, message) => {
    place.write({ 'environments/staging.env': 'A=1\n', [TEMPLATE]: '${A}' });
    const before = place.files();
    expect(await run(options)).toBe(false);
    expect(place.printed()).toContain(message);
    expect(place.files()).toEqual(before);
  });

  it('fills nothing in from an environment that is not valid', async () => {
    place.write({ 'environments/staging.env': `A=1\n${PLANTED}\n`, [TEMPLATE]: '${A}' });
    expect(await run()).toBe(false);
    expect(place.printed()).toContain('error: the environment staging is not valid\n  - environments/staging.env:2: is no assignment');
    expect(place.everything()).not.toContain('4711');
  });
});
