import { printable } from '../printable.js';
import { signedShare, sizeOf } from '../export/units.js';
import type { Changed } from './changes.js';
import type { FigureChange, ManifestDiff, Side } from './diff.js';

/** Of long lists only so many lines are shown. */
const MOST_LINES = 20;

function short(lines: readonly string[]): readonly string[] {
  return lines.length <= MOST_LINES ? lines : [...lines.slice(0, MOST_LINES), `  ... and ${lines.length - MOST_LINES} more`];
}

function section(title: string, summary: string, lines: readonly string[]): readonly string[] {
  return [`${title.padEnd(11)}${summary}`, ...short(lines.map((line) => `  ${printable(line)}`))];
}

const counted = (added: number, removed: number, changed?: number): string => `${added} added, ${removed} removed${changed === undefined ? '' : `, ${changed} changed`}`;
const isEmpty = (...lists: readonly (readonly unknown[])[]): boolean => lists.every((list) => list.length === 0);
const commit = ({ commit: id, dirty }: Side): string => (id === undefined ? 'no commit' : `${id.slice(0, 12)}${dirty === true ? ' with changes' : ''}`);
const moved = <Value>({ name, before, after }: Changed<Value>, show: (value: Value) => string): string => `~ ${name} ${show(before)} -> ${show(after)}`;
const orNone = (value: string | number | undefined): string => (value === undefined || value === '' ? 'none' : String(value));

function commitsSection({ commits, before, after }: ManifestDiff): readonly string[] {
  if (before.commit === after.commit && before.dirty === after.dirty) return [];
  const known = commits === undefined ? ' (git cannot tell what lies between)' : '';
  return section('commits', `${commit(before)} -> ${commit(after)}${known}`, (commits ?? []).map(({ hash, subject }) => `${hash} ${subject}`));
}

function packagesSection({ packages, licenses = [] }: ManifestDiff): readonly string[] {
  if (packages === undefined || isEmpty(packages.added, packages.removed, packages.changed, licenses)) return [];
  return section('packages', counted(packages.added.length, packages.removed.length, packages.changed.length), [
    ...packages.added.map(({ name, version, license }) => `+ ${name} ${version}${license === undefined ? '' : ` (${license})`}`),
    ...packages.removed.map(({ name, version }) => `- ${name} ${version}`),
    ...packages.changed.map((one) => moved(one, (versions) => versions.join(', '))),
    ...licenses.map((one) => `~ licence of ${moved(one, orNone).slice(2)}`),
  ]);
}

function librariesSection({ libraries }: ManifestDiff): readonly string[] {
  if (libraries === undefined || isEmpty(libraries.added, libraries.removed, libraries.changed)) return [];
  return section('libraries', counted(libraries.added.length, libraries.removed.length, libraries.changed.length), [
    ...libraries.added.map(({ name }) => `+ ${name}`), ...libraries.removed.map(({ name }) => `- ${name}`), ...libraries.changed.map((one) => moved(one, orNone)),
  ]);
}

function artifactsSection({ artifacts = [] }: ManifestDiff): readonly string[] {
  if (artifacts.length === 0) return [];
  return section('artifacts', `${artifacts.length} changed`, artifacts.map(({ path, before, after, files }) => {
    if (before === undefined) return `+ ${path} ${sizeOf(after ?? 0)}`;
    if (after === undefined) return `- ${path} ${sizeOf(before)}`;
    return `~ ${path} ${sizeOf(before)} -> ${sizeOf(after)} (${signedShare(before, after)})${files === undefined ? '' : `, files: ${counted(files.added, files.removed, files.changed)}`}`;
  }));
}

/** A migration that was released and then changed or removed is what a database stumbles over. */
function migrationsSection({ migrations }: ManifestDiff): readonly string[] {
  return migrations.flatMap(({ folder, tool, added, removed, changed }) => section('migrations', `${printable(folder)} (${tool}): ${counted(added.length, removed.length, changed.length)}`, [
    ...changed.map((name) => `! ${name} was changed`), ...removed.map((name) => `! ${name} was removed`), ...added.map((name) => `+ ${name}`),
  ]));
}

function routesSection({ routes }: ManifestDiff): readonly string[] {
  return routes.flatMap(({ file, added, removed }) => section('routes', `${printable(file)}: ${counted(added.length, removed.length)}`, [
    ...removed.map(({ method, path }) => `- ${method} ${path}`), ...added.map(({ method, path }) => `+ ${method} ${path}`),
  ]));
}

function judged({ before, after, good }: FigureChange): string {
  if (before === undefined || after === undefined || good === 'neither') return '';
  return (after > before) === (good === 'more') ? ' (better)' : ' (worse)';
}

function qualitySection({ quality }: ManifestDiff): readonly string[] {
  if (quality.length === 0) return [];
  return section('quality', `${quality.length} figures changed`, quality.map((one) => `~ ${one.name} ${orNone(one.before)} -> ${orNone(one.after)}${one.unit === '' ? '' : ` ${one.unit}`}${judged(one)}`));
}

function toolsSection({ tools }: ManifestDiff): readonly string[] {
  return tools.length === 0 ? [] : section('tools', `${tools.length} changed`, tools.map(({ name, before, after }) => `~ ${name} ${orNone(before)} -> ${orNone(after)}`));
}

/** For people: plain ASCII, one section for each kind of change. */
export function diffText(diff: ManifestDiff): string {
  const sections = [commitsSection, packagesSection, librariesSection, migrationsSection, routesSection, artifactsSection, qualitySection, toolsSection].flatMap((make) => make(diff));
  const title = `${diff.service} ${diff.before.version} -> ${diff.after.version}`;
  return `${[title, ...(sections.length === 0 ? ['nothing differs'] : sections)].join('\n')}\n`;
}
