/**
 * HAProxy's configuration file is the whole of the router's state: its first line has the generation, comments hold the routes, the rest is rendered from
 * them. One rename replaces all of it, and a router that starts again has all that it had.
 */
import { DeployError } from '../../errors.js';
import type { RouterPlace } from './place.js';
import { configuration } from './render.js';
import { checkRoute, type HaproxyRoute } from './route.js';
import { MAP_LINE, testerMap } from './testers.js';

export interface RouterDocument {
  /** Grows by one with each change. */
  readonly generation: number;
  readonly routes: readonly HaproxyRoute[];
}

/** Of {@link RouterDocument}; a later one is refused. */
const FORM = 1;
const FIRST = /^# nx-deploy router, form (\d+), generation (\d+)$/;
const PART = '#= ';
const PART_LENGTH = 120;

export function writeDocument(document: RouterDocument, { folder, anyAddress }: Pick<RouterPlace, 'folder' | 'anyAddress'>): string {
  const packed = Buffer.from(JSON.stringify(document.routes)).toString('base64');
  const parts = packed.match(new RegExp(`.{1,${PART_LENGTH}}`, 'g')) ?? [];
  return [
    `# nx-deploy router, form ${FORM}, generation ${document.generation}`,
    '# Written by nx-deploy, which replaces it as a whole: what is changed by hand is lost with the next deploy.',
    ...parts.map((part) => `${PART}${part}`), ...[...testerMap(document.routes)].map(([key, value]) => `${MAP_LINE}${key} ${value}`), '', configuration({ folder, routes: document.routes, anyAddress }),
  ].join('\n');
}

/** Throws ND-STATE-DAMAGED for what is no document, and ND-STATE-NEWER for one of a later version. */
export function readDocument(text: string, where: string): RouterDocument {
  const lines = text.split('\n');
  const [, form, generation] = FIRST.exec(lines[0] ?? '') ?? [];
  if (form === undefined || generation === undefined) throw damaged(where, 'its first line names no generation');
  if (Number(form) > FORM) {
    throw new DeployError('ND-STATE-NEWER', { what: 'the router was set up by a newer nx-deploy', where, why: `it has form ${form}, and this version knows ${FORM}`, next: 'update nx-deploy' });
  }
  const packed = lines.filter((line) => line.startsWith(PART)).map((line) => line.slice(PART.length)).join('');
  try {
    const routes = JSON.parse(Buffer.from(packed, 'base64').toString('utf8')) as readonly HaproxyRoute[];
    routes.forEach(checkRoute);
    return { generation: Number(generation), routes };
  } catch (error) {
    throw damaged(where, 'its routes cannot be read', error);
  }
}

function damaged(where: string, why: string, cause?: unknown): DeployError {
  return new DeployError('ND-STATE-DAMAGED', { what: 'the configuration of the router is damaged', where, why, next: 'remove the file and restart the router, then deploy each of its services again' }, { cause });
}
