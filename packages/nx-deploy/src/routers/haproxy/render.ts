/** HAProxy's whole configuration as text, made of every service's route and nothing else: the same routes give the same bytes. */
import { createHash } from 'node:crypto';
import type { Ms } from '../../model/index.js';
import { isPaused, WAIT_PROGRAM } from './closure.js';
import { backendFrame, backendLines } from './backend.js';
import { frontendSections, sharedSections } from './frontend.js';
import { atAnyAddress, type HaproxyRoute } from './route.js';

/** Variable of the running process that says which structure it has loaded. */
export const STRUCTURE = 'NXD_STRUCTURE';
/** An idle connection of a client is kept for so long, and some. */
const IDLE: Ms = 70_000;

export interface Rendered {
  /** Absolute path of HAProxy's folder, where it runs. */
  readonly folder: string;
  readonly routes: readonly HaproxyRoute[];
  /** See {@link RouterPlace.anyAddress}. */
  readonly anyAddress?: boolean | undefined;
}

/** Everything but the routes' servers: two configurations with one structure differ by what can be changed while HAProxy runs. 32 hexadecimal digits. */
export function structureOf(rendered: Rendered): string {
  const text = [globals(rendered, ''), ...shared(rendered), ...sorted(rendered).map((route) => backendFrame(route, rendered.folder))];
  return createHash('sha256').update(JSON.stringify(text)).digest('hex').slice(0, 32);
}

export function configuration(rendered: Rendered): string {
  const sections = [globals(rendered, structureOf(rendered)), ...shared(rendered), ...sorted(rendered).map((route) => backendLines(route, rendered.folder))];
  return sections.map(([head = '', ...rest]) => [head, ...rest.map((line) => `  ${line}`), ''].join('\n')).join('\n');
}

function sorted({ routes, anyAddress = false }: Rendered): readonly HaproxyRoute[] {
  return (anyAddress ? routes.map(atAnyAddress) : [...routes]).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function shared(rendered: Rendered): readonly (readonly string[])[] {
  return [DEFAULTS, ...sharedSections(rendered.folder), ...frontendSections(sorted(rendered), rendered.folder)];
}

function globals({ folder, routes }: Rendered, structure: string): readonly string[] {
  // The last request of a connection that was idle may begin at the end of that time.
  const stop = IDLE + Math.max(0, ...routes.map(({ drain }) => drain));
  return [
    'global',
    // Without a limit HAProxy makes room for as many descriptors as it may have, a milliard in a container.
    'fd-hard-limit 65536',
    `stats socket ${folder}/admin.sock mode 600 level admin expose-fd listeners`,
    `hard-stop-after ${stop}ms`,
    `setenv ${STRUCTURE} ${structure}`,
    ...(routes.some(isPaused) ? [`lua-load ${folder}/${WAIT_PROGRAM.name}`] : []),
  ];
}

const DEFAULTS = [
  'defaults', 'mode http', 'timeout connect 2s', 'timeout http-request 30s', 'timeout http-keep-alive 60s', 'timeout client 5m', 'timeout server 5m',
  'timeout tunnel 1h', 'timeout queue 30s', 'retries 3', 'option redispatch 1',
  // A worker that leaves says so in the next answer, rather than closing on a request that is on its way. With a close-spread-time it would close all the same.
  'option idle-close-on-response',
] as const;
