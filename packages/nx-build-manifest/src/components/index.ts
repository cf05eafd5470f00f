import { allOf } from '../problems.js';
import { api } from './api.js';
import type { ComponentFinder, Components, ProjectView } from './component.js';
import { database } from './database.js';
import { frontend } from './frontend.js';
import { libraries } from './libraries.js';
import { packages } from './packages.js';

export type { ApiFacts, RouteFacts } from './api.js';
export type { ComponentFinder, Components, GraphView, ProjectView } from './component.js';
export type { DatabaseFacts, MigrationFacts } from './database.js';
export type { FrontendFacts } from './frontend.js';
export type { LibraryFacts } from './libraries.js';
export type { PackageFacts, PackagesFacts } from './packages.js';

type AnyFinder = { readonly [Kind in keyof Components]-?: ComponentFinder<Kind> }[keyof Components];

/** In the order in which a manifest lists them. */
const FINDERS: readonly AnyFinder[] = [database, api, frontend, libraries, packages];

/**
 * What the project consists of.
 * @throws Problems of all files that cannot be understood
 */
export async function componentFacts(project: ProjectView): Promise<Components> {
  const found = await allOf(FINDERS.map(async (finder) => [finder.kind, await finder.find(project)] as const));
  return Object.fromEntries(found.filter(([, facts]) => facts !== undefined)) as Components;
}
