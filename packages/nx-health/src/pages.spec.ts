import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KIND_NAMES, loadKind } from './checks/kinds.js';
import { schedule } from './checks/schedule.js';
import { section } from './checks/values.js';
import * as z from 'zod';
import { loadHealthFile } from './config/load.js';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

const page = join(__dirname, '../../../docs/health-json.md');
const UPDATE = 'UPDATE_PAGES=1 npx jest --selectProjects unit -- packages/nx-health/src/pages';

interface Property { readonly description?: string; readonly default?: unknown; readonly examples?: readonly unknown[]; readonly properties?: Readonly<Record<string, Property>>; readonly const?: unknown }

/** Rows of a schema's keys; those of a section stand below it. */
function rows(schema: z.ZodType, leave: readonly string[], prefix = ''): readonly string[] {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' }) as { properties?: Record<string, Property>; required?: readonly string[] };
  const code = (value: unknown): string => `\`${JSON.stringify(value)}\``;
  const ofSection = (name: string, { description = '', default: usual, examples = [], properties: inner }: Property, must: boolean): readonly string[] => [
    `| \`${name}\` | ${must ? 'required' : usual === undefined ? '' : code(usual)} | ${description}${examples.length === 0 ? '' : ` Example: ${code(examples[0])}`} |`,
    ...Object.entries(inner ?? {}).flatMap(([key, value]) => ofSection(`${name}.${key}`, value, false)),
  ];
  return Object.entries(properties).filter(([name]) => !leave.includes(name)).flatMap(([name, property]) => ofSection(`${prefix}${name}`, property, required.includes(name)));
}

const HEAD = ['| key | default | meaning |', '|---|---|---|'];

async function generated(): Promise<string> {
  const kinds = await Promise.all(KIND_NAMES.map(loadKind));
  return [
    '## Every check', '', ...HEAD, '| `kind` | required | One of those below. |', ...rows(section(schedule), []), '',
    ...kinds.flatMap(({ name, description, schema }) => [`## ${name}`, '', description, '', ...HEAD, ...rows(schema, ['kind', ...Object.keys(schedule)]), '']),
  ].join('\n');
}

it('docs/health-json.md says of each kind what its schema says', async () => {
  const text = readFileSync(page, 'utf8');
  const wanted = `${text.slice(0, text.indexOf('## Every check'))}${await generated()}`;
  if (process.env['UPDATE_PAGES'] !== undefined) writeFileSync(page, wanted);
  if (readFileSync(page, 'utf8') !== wanted) throw new Error(`docs/health-json.md is not what the kinds say; write it anew with: ${UPDATE}`);
});

it('its example is one that can be read', async () => {
  const example = /```jsonc\n([\s\S]*?)```/.exec(readFileSync(page, 'utf8'))?.[1] ?? '';
  const folder = mkdtempSync(join(tmpdir(), 'nx-health-page-'));
  writeFileSync(join(folder, 'health.json'), example);
  const { checks, alerts } = await loadHealthFile(join(folder, 'health.json'), { DATABASE_URL: 'postgres://shop:x@127.0.0.1/shop', REDIS_URL: 'redis://127.0.0.1', ALERT_WEBHOOK: 'https://hooks.example.com/x' });
  expect([checks.map(({ name }) => name), alerts.webhook]).toEqual([['web', 'db', 'cache-1', 'cache-2', 'cache', 'space', 'backup'], 'https://hooks.example.com/x']);
  rmSync(folder, { recursive: true });
});

it('the kinds that docs/health.md lists are those that there are', () => {
  const text = readFileSync(join(__dirname, '../../../docs/health.md'), 'utf8');
  expect([...text.matchAll(/^\| \[`([a-z-]+)`\]\(health-json\.md#/gm)].map(([, name]) => name)).toEqual([...KIND_NAMES]);
});
