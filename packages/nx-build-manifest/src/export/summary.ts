import { printable } from '../printable.js';
import { COVERED, SEVERITIES } from '../quality/index.js';
import type { BuildDocument } from './document.js';
import { byLicense } from './report-parts.js';
import { sizeOf, timeOf } from './units.js';

/** One screen. */
const WIDTH = 80;
const MOST_LINES = 24;
const TITLE = 11;
/** Of a kind of which there may be several. */
const MOST_EACH = 3;

type Line = readonly [string, string];

function each<Item>(title: string, items: readonly Item[], show: (item: Item) => string): readonly Line[] {
  const left = items.length - MOST_EACH;
  return [...items.slice(0, MOST_EACH).map((item): Line => [title, show(item)]), ...(left > 0 ? [[title, `... and ${left} more`] as const] : [])];
}

function buildLines({ buildId, git, environment, tools, platform }: BuildDocument): readonly Line[] {
  const madeOn = platform === undefined ? '' : ` on ${platform.os} ${platform.arch}`;
  return [
    ...(buildId === undefined ? [] : [['build', buildId] as const]),
    ['commit', git === undefined ? 'none' : `${git.shortCommit}${git.branch === undefined ? '' : ` on ${git.branch}`}, ${git.dirty ? 'with changes' : 'clean'}`],
    ...(environment === undefined ? [] : [['for', environment] as const]),
    ...(tools === undefined ? [] : [['made with', `${Object.entries(tools).map(([name, version]) => `${name} ${version}`).join(', ')}${madeOn}`] as const]),
  ];
}

function componentLines({ components: { database = [], api = [], frontend = [], libraries, packages }, artifacts = [] }: BuildDocument): readonly Line[] {
  const licenses = byLicense(packages?.list ?? []).map(([license, count]) => `${count} ${license}`);
  return [
    ...each('artifact', artifacts, ({ path, files, bytes }) => `${path}: ${files === undefined ? '' : `${files.length} files, `}${sizeOf(bytes)}`),
    ...each('database', database, ({ tool, count, last }) => `${tool}, ${count} migrations${last === undefined ? '' : `, last ${last}`}`),
    ...each('api', api, ({ specification, count, version }) => `${specification}, ${count} routes${version === undefined ? '' : `, version ${version}`}`),
    ...each('frontend', frontend, ({ index, files, bytes }) => `${index}: ${files} files, ${sizeOf(bytes)}`),
    ...(libraries === undefined ? [] : [['libraries', libraries.length === 0 ? 'none' : `${libraries.length}: ${libraries.map(({ name }) => name).join(', ')}`] as const]),
    ...(packages === undefined ? [] : [['packages', `${packages.count}${licenses.length === 0 ? '' : ` (${licenses.join(', ')})`}${packages.missing === undefined ? '' : `, ${packages.missing.length} not installed`}`] as const]),
  ];
}

function qualityLines({ quality: { coverage, tests, findings, performance = [], absent } }: BuildDocument): readonly Line[] {
  const shares = COVERED.flatMap((kind) => (coverage?.[kind]?.percent === undefined ? [] : [`${kind} ${coverage[kind].percent}%`]));
  return [
    ...(coverage === undefined ? [] : [['coverage', shares.join(', ') || 'nothing to cover'] as const]),
    ...(tests === undefined ? [] : [['tests', `${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped${tests.durationMs === undefined ? '' : ` in ${timeOf(tests.durationMs)}`}`] as const]),
    ...(findings === undefined ? [] : [['findings', `${findings.total}: ${findings.levels.error} errors, ${findings.levels.warning} warnings; ${SEVERITIES.map((severity) => `${findings.severities[severity]} ${severity}`).join(', ')}`] as const]),
    ...((findings?.unrated ?? 0) === 0 ? [] : [['findings', `${findings?.unrated ?? 0} state no severity`] as const]),
    ...each('load', performance, ({ tool, requestsPerSecond, latencyMs, failed }) => `${tool}: ${requestsPerSecond.toFixed(1)} requests/s, ${Object.entries(latencyMs).map(([name, value]) => `${name} ${value} ms`).join(', ')}${failed === undefined ? '' : `, ${failed} failed`}`),
    ...(absent.length === 0 ? [] : [['no report', absent.map(({ kind }) => kind).join(', ')] as const]),
  ];
}

function verdictLines({ readiness, run }: BuildDocument): readonly Line[] {
  return [
    ...(run === undefined ? [] : [['run', `${run.tasks.length} tasks in ${timeOf(run.durationMs)}, ${run.cache.rate}% from the cache`] as const]),
    ...each('blocked by', readiness?.rules.filter(({ blocks }) => blocks) ?? [], ({ rule, found }) => `${rule} (${found})`),
  ];
}

/** For people: plain ASCII, at most 24 lines of at most 80 characters. */
export function summaryOf(document: BuildDocument): string {
  const { service, version, readiness } = document;
  const verdict = readiness === undefined ? '' : readiness.ready ? ': ready' : ': NOT READY';
  const lines = [buildLines, componentLines, qualityLines, verdictLines].flatMap((make) => make(document));
  const titled = lines.map(([title, text], index) => `${(lines[index - 1]?.[0] === title ? '' : title).padEnd(TITLE)}${printable(text, WIDTH - TITLE)}`);
  return `${[`${printable(service, 40)} ${printable(version, 20)}${verdict}`, ...titled].slice(0, MOST_LINES).join('\n')}\n`;
}
