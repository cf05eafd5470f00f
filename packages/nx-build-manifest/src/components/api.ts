import { createHash } from 'node:crypto';
import { join, relative, resolve, sep } from 'node:path';
import { naming } from '../problems.js';
import { isRecord, parseJson, readText } from '../reading.js';
import type { ComponentFinder } from './component.js';

export interface RouteFacts {
  /** In capitals. */
  readonly method: string;
  readonly path: string;
}

export interface ApiFacts {
  /** Relative to the workspace, with `/`. */
  readonly file: string;
  /** `openapi 3.1.0` or `swagger 2.0`. */
  readonly specification: string;
  readonly title?: string;
  /** Of the API, as the file states it. */
  readonly version?: string;
  /** Number of routes. */
  readonly count: number;
  /** Sorted by path, then by method. */
  readonly routes: readonly RouteFacts[];
  /** Paths whose methods stand in another file and were not read. */
  readonly unread?: readonly string[];
  /** Of the file. */
  readonly sha256: string;
}

const USUAL = ['.', 'api', 'docs', 'src', 'src/api', 'spec'].flatMap((folder) =>
  ['openapi', 'swagger'].flatMap((name) => ['json', 'yaml', 'yml'].map((ending) => `${folder}/${name}.${ending}`)));

/** OpenAPI 3.0 to 3.2, "Path Item Object"; Swagger 2.0 has the first seven. */
const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'];

/** YAML 1.2 with unique keys; at most 100 uses of an alias, so that a small file cannot become a large one. */
async function parseYaml(text: string): Promise<unknown> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: true, prettyErrors: true });
  const [error] = document.errors;
  if (error !== undefined) throw new Error(`is not valid YAML: ${error.message.split('\n', 1)[0] ?? ''}`);
  return document.toJS({ maxAliasCount: 100 }) as unknown;
}

/** What a reference within the document points at (RFC 6901). */
function resolved(document: unknown, item: unknown): unknown {
  const reference = isRecord(item) ? item['$ref'] : undefined;
  if (typeof reference !== 'string' || !reference.startsWith('#/')) return item;
  return reference.slice(2).split('/').reduce<unknown>((value, part) => {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
    return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }, document);
}

/**
 * Facts of an OpenAPI or Swagger document, JSON or YAML.
 * @throws Error when it is none
 */
export async function apiFacts(file: string, text: string): Promise<ApiFacts> {
  const document = /\.json$/i.test(file) ? parseJson(text) : await parseYaml(text);
  if (!isRecord(document)) throw new Error('must hold an OpenAPI document');
  const { openapi, swagger, paths = {}, info } = document;
  const version = openapi ?? swagger;
  if (typeof version !== 'string') throw new Error('openapi: must be the version of the specification as text, such as "3.1.0"');
  if (!isRecord(paths)) throw new Error('paths: must be an object');
  const unread: string[] = [];
  const routes = Object.entries(paths).flatMap(([path, given]) => {
    if (!path.startsWith('/')) return [];
    const item = resolved(document, given);
    if (!isRecord(item)) throw new Error(`paths.${path}: must be an object`);
    if (typeof item['$ref'] === 'string') unread.push(path);
    return METHODS.filter((method) => isRecord(item[method])).map((method) => ({ method: method.toUpperCase(), path }));
  });
  routes.sort((a, b) => (a.path === b.path ? compare(a.method, b.method) : compare(a.path, b.path)));
  const stringOf = (key: string): string | undefined => (isRecord(info) && typeof info[key] === 'string' ? info[key] : undefined);
  const [title, stated] = [stringOf('title'), stringOf('version')];
  return {
    file,
    specification: `${openapi === undefined ? 'swagger' : 'openapi'} ${version}`,
    ...(title === undefined ? {} : { title }),
    ...(stated === undefined ? {} : { version: stated }),
    count: routes.length,
    routes,
    ...(unread.length === 0 ? {} : { unread: unread.sort() }),
    sha256: createHash('sha256').update(text).digest('hex'),
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : 1);

export const api: ComponentFinder<'api'> = {
  kind: 'api',
  async find({ workspaceRoot, projectRoot, openapi }) {
    const places = openapi?.map((file) => resolve(workspaceRoot, file)) ?? USUAL.map((file) => join(projectRoot, file));
    const found = await Promise.all(places.map(async (place) => {
      const file = relative(workspaceRoot, place).split(sep).join('/');
      return naming(file, async () => {
        const text = await readText(place);
        if (text === undefined && openapi !== undefined) throw new Error('does not exist');
        return text === undefined ? undefined : apiFacts(file, text);
      });
    }));
    const facts = found.filter((one) => one !== undefined);
    return facts.length === 0 ? undefined : facts;
  },
};
