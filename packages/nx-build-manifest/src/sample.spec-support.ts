/** A manifest and its run with something of everything. */
import type { BuildManifest } from './manifest.js';
import type { BuildRun } from './run-file.js';

const digest = (letter: string): string => letter.repeat(64);

export const manifest: BuildManifest = {
  manifestVersion: 1,
  service: 'org-api',
  version: '1.4.0',
  buildId: 'org-api-1.4.0-20260303.233607',
  git: { commit: '3db61a4789c150241103c7ededb7bdc77fbce590', shortCommit: '3db61a4789c1', branch: 'main', dirty: false, commitTime: '2026-03-03T23:36:07Z' },
  tools: { node: '24.1.0', npm: '11.3.0', nx: '23.2.1' },
  platform: { os: 'linux', arch: 'x64' },
  environment: 'staging',
  components: {
    database: [{ tool: 'prisma', folder: 'apps/api/prisma/migrations', count: 2, first: '20240102030405_init', last: '20250102030405_add', sha256: digest('1'), migrations: [{ name: '20240102030405_init', sha256: digest('2') }, { name: '20250102030405_add', sha256: digest('3') }] }],
    api: [{ file: 'apps/api/openapi.yaml', specification: 'openapi 3.1.0', title: 'Orders', version: '2.0.0', count: 2, routes: [{ method: 'GET', path: '/orders' }, { method: 'POST', path: '/orders' }], sha256: digest('4') }],
    frontend: [{ index: 'apps/api/dist/web/index.html', files: 2, bytes: 4200, assets: { scripts: { files: 1, bytes: 4000 }, pages: { files: 1, bytes: 200 } } }],
    libraries: [{ name: 'orders', root: 'libs/orders', version: '0.3.0' }],
    packages: { count: 3, list: [{ name: 'pino', version: '10.4.0', license: 'MIT' }, { name: 'split2', version: '4.2.0', license: 'ISC' }, { name: 'ws', version: '8.23.0', license: 'MIT' }] },
  },
  artifacts: [{ path: 'apps/api/dist', bytes: 486_313, sha256: digest('5'), files: [{ path: 'main.js', bytes: 482_113, sha256: digest('6') }, { path: 'web/index.html', bytes: 200, sha256: digest('7') }, { path: 'web/main.js', bytes: 4000, sha256: digest('8') }] }],
  quality: {
    coverage: { lines: { covered: 842, total: 1000, percent: 84.2 }, branches: { covered: 90, total: 100, percent: 90 }, reports: ['coverage/apps/api/coverage-summary.json'] },
    tests: { total: 215, passed: 212, failed: 0, skipped: 3, durationMs: 12_340, reports: ['apps/api/reports/junit.xml'] },
    findings: { total: 3, levels: { error: 1, warning: 2, note: 0, none: 0 }, severities: { critical: 0, high: 1, medium: 2, low: 0 }, unrated: 0, suppressed: 0, reports: ['apps/api/reports/semgrep.sarif'] },
    absent: [{ kind: 'performance', lookedIn: ['apps/api/reports/k6.json', 'apps/api/reports/k6-summary.json', 'apps/api/reports/autocannon.json'] }],
  },
  readiness: { ready: false, rules: [{ rule: 'coverage < 90%', blocks: true, found: '84.2%' }, { rule: 'critical findings > 0', blocks: false, found: '0' }] },
};

export const run: BuildRun = {
  runVersion: 1,
  service: 'org-api',
  buildId: 'org-api-1.4.0-20260303.233607',
  git: { commit: '3db61a4789c150241103c7ededb7bdc77fbce590', shortCommit: '3db61a4789c1', branch: 'main', dirty: false, commitTime: '2026-03-03T23:36:07Z' },
  tools: { node: '24.1.0', npm: '11.3.0', nx: '23.2.1' },
  platform: { os: 'linux', arch: 'x64' },
  startTime: '2026-03-03T23:40:00.000Z',
  durationMs: 9_800,
  tasks: [
    { task: 'orders:build', status: 'local-cache', cached: true, durationMs: 40 },
    { task: 'api:build', status: 'success', cached: false, durationMs: 9_300 },
    { task: 'api:build-manifest', status: 'success', cached: false, durationMs: 210 },
  ],
  cache: { hits: 1, misses: 2, rate: 33.33 },
};

/** The same service, later. */
export const later: BuildManifest = {
  ...manifest,
  version: '1.5.0',
  buildId: 'org-api-1.5.0-20260310.090000',
  git: { commit: 'aaaa1a4789c150241103c7ededb7bdc77fbce590', shortCommit: 'aaaa1a4789c1', branch: 'main', dirty: true, commitTime: '2026-03-10T09:00:00Z' },
  tools: { node: '24.2.0', npm: '11.3.0', nx: '23.2.1' },
  components: {
    ...manifest.components,
    database: [{ tool: 'prisma', folder: 'apps/api/prisma/migrations', count: 3, first: '20240102030405_init', last: '20260301000000_price', sha256: digest('9'), migrations: [{ name: '20240102030405_init', sha256: digest('a') }, { name: '20250102030405_add', sha256: digest('3') }, { name: '20260301000000_price', sha256: digest('b') }] }],
    api: [{ file: 'apps/api/openapi.yaml', specification: 'openapi 3.1.0', title: 'Orders', version: '2.1.0', count: 2, routes: [{ method: 'GET', path: '/orders' }, { method: 'GET', path: '/prices' }], sha256: digest('c') }],
    libraries: [{ name: 'orders', root: 'libs/orders', version: '0.4.0' }, { name: 'prices', root: 'libs/prices' }],
    packages: { count: 3, list: [{ name: 'big.js', version: '7.0.1', license: 'MIT' }, { name: 'pino', version: '10.5.0', license: 'MIT' }, { name: 'split2', version: '4.2.0', license: 'MIT' }] },
  },
  artifacts: [{ path: 'apps/api/dist', bytes: 500_200, sha256: digest('d'), files: [{ path: 'main.js', bytes: 500_000, sha256: digest('e') }, { path: 'web/index.html', bytes: 200, sha256: digest('7') }] }],
  quality: { ...manifest.quality, coverage: { lines: { covered: 91, total: 100, percent: 91 }, branches: { covered: 89, total: 100, percent: 89 }, reports: ['coverage/apps/api/coverage-summary.json'] } },
};
