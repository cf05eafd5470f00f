/** What the pages show is what is read, accepted and printed. */
import { Ajv } from 'ajv';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { diffManifests } from './diff/diff.js';
import { diffText } from './diff/text.js';
import generate, { type GenerateOptions } from './executors/generate/executor.js';
import { exportManifest } from './export/export.js';
import { parsePolicy } from './readiness/judge.js';
import { SUBJECTS } from './readiness/policy.js';
import { later, manifest, run } from './sample.spec-support.js';
import { printedBy, testWorkspace } from './workspace.spec-support.js';

const packageRoot = join(__dirname, '..');
const page = (name: string): string => readFileSync(join(packageRoot, '../../docs', name), 'utf8');
/** Contents of the blocks of code in one language; an empty one for those that name none. */
const blocks = (name: string, language: string): readonly string[] =>
  [...page(name).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].filter(([, its]) => its === language).map(([, , block = '']) => block);
const json = (path: string): object => JSON.parse(readFileSync(join(packageRoot, path), 'utf8')) as object;
const workspace = testWorkspace();

describe('docs/build-manifest.md', () => {
  it('shows a manifest and a run file that their schemas accept', () => {
    const [example = '', , runFile = ''] = blocks('build-manifest.md', 'json');
    for (const [schema, text] of [['build-manifest.schema.json', example], ['build-manifest-run.schema.json', runFile]] as const) {
      const validate = new Ajv({ strict: true, allErrors: true }).compile(json(schema));
      validate(JSON.parse(text));
      expect(validate.errors).toBeNull();
    }
  });

  it('shows rules that are understood, and names all with which one begins', () => {
    const rules = blocks('build-manifest.md', '').find((block) => block.startsWith('coverage <'))?.trim().split('\n') ?? [];
    expect(parsePolicy(rules)).toHaveLength(10);
    const [, table = ''] = page('build-manifest.md').split('## Readiness');
    for (const subject of SUBJECTS) expect(table).toContain(subject.endsWith(' findings') ? `\`${subject.split(' ')[0] ?? ''}\`` : `\`${subject}\``);
  });
});

describe.each(['generate', 'export', 'diff'])('docs/executors/%s.md', (name) => {
  it('shows options that the schema accepts, and names each with its default', () => {
    const schema = json(`src/executors/${name}/schema.json`) as { properties: Record<string, { default?: string | boolean }> };
    const { $schema: _schema, version: _version, outputCapture: _capture, ...plain } = schema as Record<string, unknown>;
    const validate = new Ajv({ strict: false }).compile(plain);
    const targets = blocks(`executors/${name}.md`, 'json').flatMap((block) => Object.values((JSON.parse(block) as { targets: Record<string, { executor: string; options: unknown }> }).targets));
    expect(targets.map(({ executor }) => executor)).toEqual([`nx-build-manifest:${name}`]);
    for (const { options } of targets) expect([validate(options), validate.errors]).toEqual([true, null]);
    for (const [option, { default: value }] of Object.entries(schema.properties)) {
      expect(page(`executors/${name}.md`)).toMatch(new RegExp(`^\\| \`${option}\` \\| ${value === undefined ? '' : `\`${String(value)}\` \\|`}`, 'm'));
    }
  });
});

test('docs/executors/export.md shows a summary', async () => {
  expect(page('executors/export.md')).toContain(`\`\`\`\n${await exportManifest(manifest, 'summary', run)}\`\`\``);
});

test('docs/executors/diff.md shows a comparison', () => {
  expect(page('executors/diff.md')).toContain(`\`\`\`\n${diffText(diffManifests(manifest, later, [{ hash: 'aaaa1a4789c1', subject: 'Prices are kept' }]))}\`\`\``);
});

describe('docs/executors/generate.md', () => {
  const start = async (options: GenerateOptions, cache = false): Promise<string> => {
    const place = { root: workspace.root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } }, target: { executor: 'nx-build-manifest:generate', cache } };
    return (await printedBy(async () => generate(options, place))).printed;
  };

  it('shows the lines that are printed', async () => {
    workspace.write({ 'apps/api/package.json': { version: '1.4.0' }, 'coverage/apps/api/coverage-summary.json': { total: { lines: { covered: 842, total: 1000 } } }, 'coverage/apps/api/lcov.info': 'SF:x\n' });
    const shown = blocks('executors/generate.md', '').join('');
    const lines = [
      ...(await start({ blockers: ['coverage < 90%'] })).split('\n').slice(1), ...(await start({ artifacts: ['apps/api/dist'], reports: { coverage: ['coverage/apps/api/lcov.info'] } })).split('\n'),
      await start({ blockers: ['coverge < 90%'] }), await start({}, true),
    ].map((line) => line.trim()).filter((line) => line !== '');
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(shown).toContain(`${line}\n`);
  });
});
