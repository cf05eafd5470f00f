import type { Components, PackageFacts } from '../components/index.js';
import type { BuildDocument } from './document.js';
import { chart, type Block, type Section } from './report.js';
import { sizeOf, timeOf } from './units.js';

const LARGEST = 10;
/** A report is read by people: of longer lists the manifest has the rest. */
const MOST_ROWS = 500;

function table(title: string, head: readonly string[], rows: readonly (readonly string[])[], folded = false): readonly Block[] {
  if (rows.length === 0) return [];
  const left = rows.length - MOST_ROWS;
  return [
    { kind: 'table', title, head, rows: rows.slice(0, MOST_ROWS), ...(folded ? { folded } : {}) },
    ...(left > 0 ? [{ kind: 'note', text: `${left} more are in the manifest.`, tone: 'plain' } as const] : []),
  ];
}

export function readinessSection({ readiness }: BuildDocument): Section {
  if (readiness === undefined) return { title: 'Readiness', blocks: [{ kind: 'note', text: 'No policy says what would keep this build from being ready.', tone: 'plain' }] };
  const { ready, rules } = readiness;
  const blocking = rules.filter(({ blocks }) => blocks).length;
  return {
    title: 'Readiness',
    blocks: [
      { kind: 'note', text: ready ? 'Ready: nothing blocks.' : `Not ready: ${blocking} of ${rules.length} rules block.`, tone: ready ? 'good' : 'bad' },
      ...table('Policy', ['rule', 'found', 'verdict'], rules.map(({ rule, found, blocks }) => [rule, found, blocks ? 'blocks' : 'passed'])),
    ],
  };
}

export function artifactsSection({ artifacts = [] }: BuildDocument): Section {
  const files = artifacts.flatMap((artifact) => (artifact.files ?? []).flatMap((file) => ('bytes' in file ? [{ path: `${artifact.path}/${file.path}`, bytes: file.bytes }] : [])));
  const largest = [...files].sort((a, b) => b.bytes - a.bytes || (a.path < b.path ? -1 : 1)).slice(0, LARGEST);
  return {
    title: 'Artifacts',
    blocks: artifacts.length === 0 ? [{ kind: 'note', text: 'No artifact was named.', tone: 'plain' }] : [
      ...table('Artifacts', ['path', 'files', 'size', 'SHA-256'], artifacts.map(({ path, files: own, bytes, sha256 }) => [path, String(own?.length ?? 1), sizeOf(bytes), sha256])),
      ...(largest.length === 0 ? [] : [chart('Largest files', largest.map(({ path, bytes }) => ({ label: path, value: bytes, text: sizeOf(bytes), tone: 'plain' })))]),
    ],
  };
}

/** How many packages have each licence, the most frequent first. */
export function byLicense(packages: readonly PackageFacts[]): readonly (readonly [string, number])[] {
  const counts = new Map<string, number>();
  for (const { license = 'none stated' } of packages) counts.set(license, (counts.get(license) ?? 0) + 1);
  return [...counts].sort(([a, some], [b, more]) => more - some || (a < b ? -1 : 1));
}

function packageBlocks({ packages }: Components): readonly Block[] {
  if (packages === undefined) return [];
  const { count, list, missing = [] } = packages;
  return [
    ...(count === 0 ? [] : [chart(`Licences of ${count} packages`, byLicense(list).slice(0, LARGEST).map(([license, number]) => ({ label: license, value: number, text: String(number), tone: license === 'none stated' ? 'warning' : 'plain' })))]),
    ...(missing.length === 0 ? [] : [{ kind: 'note', text: `Not installed: ${missing.join(', ')}.`, tone: 'warning' } as const]),
    ...table('Third-party packages', ['name', 'version', 'licence'], list.map(({ name, version, license }) => [name, version, license ?? 'none stated']), true),
  ];
}

export function componentsSection({ components }: BuildDocument): Section {
  const { database = [], api = [], frontend = [], libraries = [] } = components;
  return {
    title: 'Components',
    blocks: [
      ...table('Database migrations', ['folder', 'tool', 'count', 'first', 'last'], database.map(({ folder, tool, count, first = 'none', last = 'none' }) => [folder, tool, String(count), first, last])),
      ...table('API', ['file', 'specification', 'title', 'version', 'routes'], api.map(({ file, specification, title = '', version = '', count }) => [file, specification, title, version, String(count)])),
      ...table('Routes', ['method', 'path'], api.flatMap(({ routes }) => routes.map(({ method, path }) => [method, path])), true),
      ...frontend.map(({ index, assets }) => chart(`Assets of ${index}`, Object.entries(assets).map(([kind, { files, bytes }]) => ({ label: kind, value: bytes, text: `${sizeOf(bytes)} in ${files} files`, tone: 'plain' })))),
      ...table('Workspace libraries', ['name', 'folder', 'version'], libraries.map(({ name, root, version = '' }) => [name, root, version])),
      ...packageBlocks(components),
    ],
  };
}

export function runSection({ run }: BuildDocument): readonly Section[] {
  if (run === undefined) return [];
  const { startTime, durationMs, tasks, cache } = run;
  return [{
    title: 'Run',
    blocks: [
      { kind: 'facts', rows: [['began', startTime], ['took', timeOf(durationMs)], ['tasks', String(tasks.length)], ['from the cache', `${cache.hits} of ${cache.hits + cache.misses} (${cache.rate}%)`]] },
      chart('Tasks', tasks.slice(0, MOST_ROWS).map(({ task, status, durationMs: took }) => ({ label: task, value: took ?? 0, text: `${took === undefined ? '' : `${timeOf(took)}, `}${status}`, tone: status === 'failure' ? 'bad' : 'plain' }))),
    ],
  }];
}
