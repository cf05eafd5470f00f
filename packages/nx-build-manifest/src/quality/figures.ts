import { COVERED } from './coverage.js';
import type { Quality } from './index.js';
import { LATENCIES } from './performance.js';
import { LEVELS, SEVERITIES } from './sarif.js';

/** One number about the quality of a build, for people. */
export interface Figure {
  readonly name: string;
  readonly unit: '%' | 'ms' | '1/s' | '';
  readonly value: number;
  /** Whether more of it is better. */
  readonly good: 'more' | 'less' | 'neither';
}

const KINDS = { lines: 'line', branches: 'branch', functions: 'function', statements: 'statement' } as const;

/** Every number that the reports gave, in a fixed order. */
export function figuresOf({ coverage, tests, findings, performance = [] }: Quality): readonly Figure[] {
  return [
    ...COVERED.flatMap((kind): Figure[] => (coverage?.[kind]?.percent === undefined ? [] : [{ name: `${KINDS[kind]} coverage`, unit: '%', value: coverage[kind].percent, good: 'more' }])),
    ...(tests === undefined ? [] : [
      { name: 'tests', unit: '', value: tests.total, good: 'more' }, { name: 'failed tests', unit: '', value: tests.failed, good: 'less' }, { name: 'skipped tests', unit: '', value: tests.skipped, good: 'less' },
    ] as const),
    ...(findings === undefined ? [] : [
      ...SEVERITIES.map((severity): Figure => ({ name: `${severity} findings`, unit: '', value: findings.severities[severity], good: 'less' })),
      ...(findings.unrated === undefined ? [] : [{ name: 'unrated findings', unit: '', value: findings.unrated, good: 'less' } as const]),
      ...LEVELS.filter((level) => level !== 'none').map((level): Figure => ({ name: `${level} findings`, unit: '', value: findings.levels[level], good: 'less' })),
    ]),
    ...performance.flatMap(({ report, requestsPerSecond, failed, latencyMs }): Figure[] => [
      { name: `requests/s of ${report}`, unit: '1/s', value: requestsPerSecond, good: 'more' },
      ...(failed === undefined ? [] : [{ name: `failed requests of ${report}`, unit: '', value: failed, good: 'less' } as const]),
      ...LATENCIES.flatMap((name): Figure[] => (latencyMs[name] === undefined ? [] : [{ name: `${name} latency of ${report}`, unit: 'ms', value: latencyMs[name], good: 'less' }])),
    ]),
  ];
}
