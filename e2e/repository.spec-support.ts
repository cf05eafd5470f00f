/** Reads the repository as a reader would find it in a fresh clone. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

export const root = resolve(__dirname, '..');
export const packageNames = ['nx-health', 'nx-env-sync', 'nx-build-manifest', 'nx-deploy'] as const;

/** Folders that are made, not kept. The tree is walked rather than asked of git: a machine that tests may lack it. */
const made = new Set(['.git', 'node_modules', 'dist', 'coverage', '.nx', '.nx-env-sync', 'tmp']);

/** Every kept text file, relative to the root, with `/` between the parts. */
export function textFiles(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return made.has(entry.name) ? [] : textFiles(path);
    if (!entry.isFile() || /\.(?:tsbuildinfo|log)$/.test(entry.name)) return [];
    return readFileSync(path).includes(0) ? [] : [relative(root, path).split(sep).join('/')];
  });
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');
export const exists = (path: string): boolean => existsSync(join(root, path));

/** Lines of the text that the pattern is found in, as `file:line: text`. */
export function linesWith(pattern: RegExp, path: string): string[] {
  return read(path).split('\n').flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 120)}`] : []));
}

export interface Option {
  readonly name: string;
  readonly description: unknown;
}

/** An executor or a generator as its package publishes it. */
export interface Published {
  readonly packageName: string;
  readonly kind: 'executors' | 'generators';
  readonly name: string;
  /** Source of the program and its schema; in a package they stand in dist. */
  readonly program: string;
  readonly schema: string;
  readonly description: unknown;
}

interface Entry {
  readonly implementation?: string;
  readonly factory?: string;
  readonly schema: string;
  readonly description?: string;
}

function publishedOf(packageName: string, kind: Published['kind']): Published[] {
  const file = `packages/${packageName}/${kind}.json`;
  if (!exists(file)) return [];
  const entries = (JSON.parse(read(file)) as Record<string, Record<string, Entry> | undefined>)[kind] ?? {};
  const source = (path: string): string => `packages/${packageName}/${path.replace(/^\.\/dist\//, 'src/')}`;
  return Object.entries(entries).map(([name, entry]) => ({
    packageName, kind, name,
    program: `${source(entry.implementation ?? entry.factory ?? '')}.ts`,
    schema: source(entry.schema),
    description: entry.description,
  }));
}

export function published(): Published[] {
  return packageNames.flatMap((name) => [...publishedOf(name, 'executors'), ...publishedOf(name, 'generators')]);
}

interface Schema {
  readonly additionalProperties?: unknown;
  readonly properties?: Record<string, Schema>;
  readonly description?: unknown;
}

/** Every option of the schema, those of nested objects as `outer.inner`, and the objects that accept what they do not know. */
export function optionsOf(path: string): { readonly options: readonly Option[]; readonly open: readonly string[] } {
  const options: Option[] = [];
  const open: string[] = [];
  const visit = (schema: Schema, prefix: string): void => {
    if (schema.additionalProperties !== false) open.push(prefix === '' ? path : `${path}: ${prefix}`);
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      options.push({ name: `${prefix}${name}`, description: property.description });
      if (property.properties !== undefined) visit(property, `${prefix}${name}.`);
    }
  };
  visit(JSON.parse(read(path)) as Schema, '');
  return { options, open };
}

interface OptionRow {
  readonly names: readonly string[];
  /** What stands behind the first column. */
  readonly rest: string;
}

/** Rows of the page's tables of options: below a heading `## Options...`, or in the section of a generator, named in their first column. */
export function optionRows(section: string): OptionRow[] {
  const tables = section.matchAll(/^\| option \|.*\n\|[-| ]+\|\n((?:\|.*\n?)+)/gm);
  return [...tables].flatMap(([, rows = '']) => rows.trimEnd().split('\n')).map((row) => {
    const [, first = '', ...rest] = row.split(/(?<!\\)\|/);
    return { names: [...first.matchAll(/`(?:--)?([^`]+)`/g)].map(([, name = '']) => name), rest: rest.join('|') };
  });
}

/** What the schema says of an option that a page has to say too: each value that is allowed, and the default. `false` is what every switch is. */
export function factsOf(path: string): ReadonlyMap<string, readonly string[]> {
  const { properties = {} } = JSON.parse(read(path)) as { properties?: Record<string, { enum?: readonly unknown[]; default?: unknown }> };
  return new Map(Object.entries(properties).map(([name, { enum: values = [], default: usual }]) => {
    const facts = [...values, ...(usual === undefined || usual === false || (Array.isArray(usual) && usual.length === 0) ? [] : [usual])];
    return [name, facts.map((fact) => (typeof fact === 'string' ? fact : JSON.stringify(fact)))];
  }));
}

/** Markdown without its fenced blocks and code spans, in which nothing is a link or a heading. */
function prose(markdown: string): string {
  return markdown.replace(/^( *)(`{3,}|~{3,})[^\n]*\n[\s\S]*?^\1\2 *$/gm, '').replace(/`[^`\n]*`/g, (span) => span.replace(/[[\]#]/g, ' '));
}

/** The anchors that a page's headings have on GitHub. */
export function anchors(path: string): string[] {
  return [...prose(read(path)).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, heading = '']) =>
    heading.toLowerCase().replace(/[^a-z0-9 _-]/g, '').replaceAll(' ', '-'));
}

/** Links of a page to other files of the repository (or to its own headings) that lead nowhere. */
export function brokenLinks(path: string): string[] {
  const targets = [...prose(read(path)).matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)|^ *\[[^\]]+\]: *(\S+)/gm)].map((match) => match[1] ?? match[2] ?? '');
  return targets.filter((target) => !/^[a-z][a-z0-9+.-]*:/i.test(target)).flatMap((target) => {
    const [file = '', anchor] = target.split('#', 2);
    const page = file === '' ? path : join(dirname(path), decodeURIComponent(file)).split(sep).join('/');
    if (page.startsWith('..') || !exists(page)) return [`${path}: ${target}`];
    return anchor === undefined || !page.endsWith('.md') || anchors(page).includes(anchor) ? [] : [`${path}: ${target}`];
  });
}
