/** What the pages about images show is what is printed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LayerReport } from '../../image/builder.js';
import type { Digest } from '../../image/oci.js';
import { parseConfig } from '../../config/index.js';
import { TAG_TOKENS } from '../../config/image-schema.js';
import type { ImageDocument } from './document.js';
import { destinations } from './tags.js';
import { buildLines, inspectLines } from './text.js';

const page = (name: string): string => readFileSync(join(__dirname, '../../../../../docs', name), 'utf8');
const digest = (start: string): Digest => `sha256:${start.padEnd(64, '0')}`;

function layer(kind: LayerReport['kind'], start: string, size: number, reason: string, extra: Partial<ImageDocument['platforms'][number]['layers'][number]> = {}): ImageDocument['platforms'][number]['layers'][number] {
  return { kind, digest: digest(start), diffId: digest(start), size, reason, ...extra };
}

const layers = [
  layer('base', '2d4c7d1f0c39', 78_100_000, 'node:22-slim'),
  layer('modules', 'c0ffee12ab34', 9_800_000, '42 packages', { uncompressed: 31_000_000, packages: [{ name: 'typescript', version: '5.9.3', size: 23_000_000 }, { name: 'pino', version: '10.4.0', size: 900_000 }] }),
  layer('application', '9a8b7c6d5e4f', 31_200, '7 files of dist', { uncompressed: 120_000 }),
];
const document: ImageDocument = {
  schema: 1, digest: digest('6f0d'), mediaType: 'application/vnd.oci.image.manifest.v1+json', base: { reference: 'node:22-slim', digest: digest('1c3b') },
  platforms: [{ platform: 'linux/amd64', digest: digest('6f0d'), size: 87_931_200, layers }], sizes: { total: 87_931_200, base: 78_100_000, own: 9_831_200 },
};
/** Pages show the beginning of a digest. */
const short = (lines: readonly string[]): string => `\`\`\`\n${lines.join('\n').replace(/(sha256:[0-9a-f]{4})[0-9a-f]{60}/g, '$1...')}\n\`\`\``;

test('of a build', () => {
  const lines = buildLines({ project: 'api', document, made: [digest('9a8b7c6d5e4f')], durationMs: 1_200, folder: '/w/dist/images/apps/api/image', workspaceRoot: '/w' });
  expect(page('executors/build-image.md')).toContain(short(lines));
});

test('of an inspection', () => {
  expect(page('executors/inspect-image.md')).toContain(short(inspectLines('api', document)));
});

test('many packages are counted', () => {
  const packages = Array.from({ length: 12 }, (_, index) => ({ name: `p${index}`, size: 1_000 }));
  const many = { ...document, platforms: [{ ...document.platforms[0], platform: 'linux/amd64', digest: digest('6f0d'), size: 1, layers: [layer('modules', 'aa', 1, '', { packages })] }] };
  expect(inspectLines('api', many).at(-1)).toBe('  and 2 more with 2.0 kB');
});

test('build.md has an example that is valid', () => {
  const [example = ''] = [...page('images/build.md').matchAll(/^```jsonc\n([^]*?)^```/gm)].map((match) => match[1] ?? '');
  expect(parseConfig(example, 'docs').config.artifact.type).toBe('image');
});

describe('tags', () => {
  const facts = { version: '1.2.0+build.7', commit: 'abcdef012345', branch: '--feature/a b', hash: '0123456789ab' };
  const tags = (templates: readonly string[], of: Partial<typeof facts> = facts): readonly string[] => destinations([{ repository: 'a/b', tags: templates }], { version: '1', hash: facts.hash, ...of })[0]?.tags ?? [];

  test('are made of each token that the page names', () => {
    for (const token of TAG_TOKENS) expect(page('executors/push-image.md')).toContain(`| \`{${token}}\` |`);
    expect(tags(['v{version}', '{branch}-{commit}', '{hash}', '{hash}', 'latest'])).toEqual(['v1.2.0_build.7', 'feature-a-b-abcdef012345', '0123456789ab', 'latest']);
    expect(tags(['{branch}'], { branch: 'x'.repeat(500) })[0]).toHaveLength(100);
  });

  test.each([['{commit}', {}], ['{branch}', {}], ['{branch}', { branch: '///' }], ['{constructor}', facts], ['', facts], ['a b', facts], ['{hash}'.repeat(20), facts]])('%j of %j are refused', (template, of) => {
    expect(() => tags([template], of)).toThrow('the image cannot be tagged as it should, and nothing was pushed');
  });
});
