/** What the pages about packages show is what is printed, and what can be read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig, resolveEnvironment } from '../../config/index.js';
import { EXTRACT_LIMITS } from '../../package/extract.js';
import { renderTemplates } from '../../package/templates.js';
import { phaseLines } from '../phases.js';
import { PASSPHRASE_VARIABLE } from '../../package/variables.js';
import { packageLines, type PackageShown } from './text.js';

const page = (name: string): string => readFileSync(join(__dirname, '../../../../../docs', name), 'utf8');
const block = (lines: readonly string[]): string => `\`\`\`\n${lines.join('\n')}\n\`\`\``;

const shown: PackageShown = {
  project: 'api', workspaceRoot: '/w', file: '/w/dist/packages/apps/api/api-v1.4.0-20260102.030405.tar.gz', durationMs: 1_200, healthyMs: 310,
  record: { schema: 1, service: 'api', version: '1.4.0', archive: 'api-v1.4.0-20260102.030405.tar.gz', sha256: '6f0d'.padEnd(64, '0'), size: 620_000, uncompressed: 2_200_000, files: 102, signed: [], breaking: [] },
  sizes: {
    tree: { files: 2_363, bytes: 29_160_000 }, archive: 620_000, saved: 97.8,
    folders: [
      { path: 'node_modules', files: 2_311, bytes: 28_400_000, packed: { files: 71, bytes: 1_900_000 } },
      { path: 'dist', files: 12, bytes: 640_000, packed: { files: 12, bytes: 640_000 } },
      { path: 'src', files: 40, bytes: 120_000, packed: { files: 0, bytes: 0 } },
    ],
    package: [{ path: 'application', files: 83, bytes: 2_540_000 }, { path: 'docs', files: 2, bytes: 12_000 }, { path: '.', files: 4, bytes: 9_000 }],
    leftOut: [{ reason: 'packages and files that the service does not load', files: 2_240, bytes: 26_500_000 }, { reason: 'sources', files: 40, bytes: 120_000 }],
  },
};

test('of a package', () => {
  expect(page('executors/package.md')).toContain(block(packageLines(shown)));
  expect(page('executors/package.md')).toContain(`\`${PASSPHRASE_VARIABLE}\``);
});

test('of phases', () => {
  const took = { stage: 1_900, build: 4_200, package: 2_600, deploy: 3_100 };
  const lines = phaseLines((['stage', 'compile', 'package', 'deploy'] as const).map((phase) => {
    const target = phase === 'compile' ? 'build' : phase;
    return { phase, target, state: 'done', ms: took[target] };
  }));
  expect(page('executors/phases.md')).toContain(block(lines));
});

test('many folders are counted, and a package that is signed says by what', () => {
  const folders = Array.from({ length: 14 }, (_, index) => ({ path: `f${index}`, files: 1, bytes: 1_000, packed: { files: 0, bytes: 0 } }));
  const { healthyMs: _healthy, ...rest } = shown;
  const lines = packageLines({ ...rest, healthyMs: undefined, sizes: { ...shown.sizes, folders, leftOut: [] }, record: { ...shown.record, signed: ['checksums.txt.sig'] } }).join('\n');
  expect(lines).toMatch(/2 more +2 +2\.0 kB/);
  expect(lines).toContain('signed    checksums.txt.sig');
  expect(lines).toContain('every digest; the service was not started');
});

test('package.md has an example that is valid, and says what holds', () => {
  const [example = ''] = [...page('package.md').matchAll(/^```jsonc\n([^]*?)^```/gm)].map((match) => match[1] ?? '');
  const file = parseConfig(example, 'docs');
  expect(resolveEnvironment({ ...file, environment: 'production', projectRoot: 'apps/api', workspaceRoot: '/w', projectName: 'api' })).toMatchObject({ packaged: true, verify: { mode: 'enforce', keys: ['/w/keys/release.pub'], provenance: true } });
  expect(page('package.md')).toContain(`more than ${EXTRACT_LIMITS.entries.toLocaleString('en')} entries or ${EXTRACT_LIMITS.bytes / 1024 ** 3} GiB`);
  const rows = [...page('package.md').matchAll(/^\| `(\$[^`]+)` \| (.+) \|$/gm)].map(([, template = '']) => template);
  expect(renderTemplates(rows.map((text) => ({ path: 'a', text })), { values: { NAME: 'value' }, secrets: [] }, 'x')).toEqual(['value', 'value', '${']);
});
