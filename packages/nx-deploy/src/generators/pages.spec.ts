import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { targetNames } from '../config/plugin-options.js';

const packageRoot = join(__dirname, '../..');
const page = (name: string): string => readFileSync(join(packageRoot, '../../docs', name), 'utf8');

interface Schema {
  additionalProperties: boolean;
  properties: Record<string, { description?: string }>;
}

const { generators } = JSON.parse(readFileSync(join(packageRoot, 'generators.json'), 'utf8')) as { generators: Record<string, { factory: string; schema: string; description: string }> };

describe.each(Object.entries(generators))('the generator %s', (name, { factory, schema, description }) => {
  const parsed = JSON.parse(readFileSync(join(packageRoot, schema.replace('./dist/', 'src/')), 'utf8')) as Schema;

  it('is there, described and closed to unknown options', () => {
    expect(existsSync(join(packageRoot, `${factory.replace('./dist/', 'src/')}.ts`))).toBe(true);
    expect(description).not.toBe('');
    expect(parsed.additionalProperties).toBe(false);
  });

  it('has every option described, in its schema and on the page', () => {
    const [, section = ''] = page('generators.md').split(`## ${name}\n`);
    const own = section.split('\n## ')[0] ?? '';
    for (const [option, { description: about }] of Object.entries(parsed.properties)) {
      expect(about).toMatch(/\.$/);
      expect(own).toContain(`| \`--${option}\` |`);
    }
  });
});

it('docs/inference.md names every target and the keys of its name', () => {
  for (const [key, target] of Object.entries(targetNames(undefined))) {
    expect(page('inference.md')).toContain(`| \`${target}\` |`);
    expect(page('inference.md')).toContain(`\`${key}\``);
  }
});
