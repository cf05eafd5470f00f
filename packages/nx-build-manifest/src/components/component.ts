import type { Artifact } from '../artifacts.js';
import type { ApiFacts } from './api.js';
import type { DatabaseFacts } from './database.js';
import type { FrontendFacts } from './frontend.js';
import type { LibraryFacts } from './libraries.js';
import type { PackagesFacts } from './packages.js';

/** What a service consists of. A kind that was not found is absent. */
export interface Components {
  /** One for each folder of migrations. */
  readonly database?: readonly DatabaseFacts[];
  /** One for each OpenAPI file. */
  readonly api?: readonly ApiFacts[];
  /** One for each artifact with an index.html. */
  readonly frontend?: readonly FrontendFacts[];
  /** Other projects of the workspace that this one depends on, sorted by name; absent without a project graph. */
  readonly libraries?: readonly LibraryFacts[];
  /** Third-party packages that it runs with; absent when no package.json says what that is. */
  readonly packages?: PackagesFacts;
}

/** The parts of Nx's project graph that are read. */
export interface GraphView {
  readonly nodes: Readonly<Record<string, { readonly name: string; readonly data: { readonly root: string } }>>;
  readonly externalNodes?: Readonly<Record<string, { readonly data: { readonly packageName: string; readonly version: string } }>>;
  readonly dependencies: Readonly<Record<string, readonly { readonly target: string }[]>>;
}

/** What finders look at. */
export interface ProjectView {
  /** Absolute. */
  readonly workspaceRoot: string;
  /** Absolute. */
  readonly projectRoot: string;
  readonly projectName: string;
  /** Absent outside of Nx. */
  readonly graph?: GraphView;
  readonly artifacts: readonly Artifact[];
  /** Folders of migrations and OpenAPI files that were named, relative to the workspace; else they are looked for in the usual places. */
  readonly migrations?: readonly string[];
  readonly openapi?: readonly string[];
}

/** Finds one kind of component. Each kind is one file that exports one finder. */
export interface ComponentFinder<Kind extends keyof Components> {
  readonly kind: Kind;
  /**
   * undefined when the project has none.
   * @throws Error that names the file when what is there cannot be understood
   */
  find(project: ProjectView): Promise<Components[Kind] | undefined>;
}
