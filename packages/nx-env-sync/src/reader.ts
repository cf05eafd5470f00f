import { resolve } from 'node:path';
import { ENVIRONMENT_EXTENSION, environmentsIn } from './environment-name.js';
import { readLayers, readSchemaFile, type FolderLayers, type SchemaFile } from './layer.js';
import type { EnvProblem } from './problem.js';
import { mergeSchemas, NO_SCHEMA, type EnvSchema } from './schema.js';
import type { IdentityOptions } from './secrets/identities.js';
import { identitiesOnce, type Identities } from './secrets/secrets-file.js';
import { trackedFiles, type TrackedFiles } from './shell/git.js';

export interface ReaderOptions {
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  readonly identity?: IdentityOptions;
  /** Default: those of this process. */
  readonly variables?: NodeJS.ProcessEnv;
}

export interface DescribedSchema {
  readonly schema: EnvSchema;
  readonly problems: readonly EnvProblem[];
  readonly found: boolean;
}

/** Reads each file once, for however many projects and environments it counts. Holds values, so it lives no longer than one command. */
export class EnvironmentReader {
  readonly workspaceRoot: string;
  private readonly identities: Identities;
  private readonly schemas = new Map<string, Promise<SchemaFile>>();
  private readonly layers = new Map<string, Promise<FolderLayers>>();
  private readonly both = new Map<string, Promise<readonly FolderLayers[]>>();
  private readonly described = new Map<string, Promise<DescribedSchema>>();
  private readonly names = new Map<string, Promise<readonly string[]>>();
  private tracked: Promise<TrackedFiles> | undefined;
  private shared: EnvironmentReader | undefined;

  constructor(private readonly options: ReaderOptions) {
    const { workspaceRoot, identity = {}, variables = process.env } = options;
    this.workspaceRoot = resolve(workspaceRoot);
    this.identities = identitiesOnce(identity, { workspaceRoot: this.workspaceRoot, variables });
  }

  /** The workspace's folder and then the project's; once when they are the same. */
  roots(projectRoot: string): readonly string[] {
    return [...new Set([this.workspaceRoot, resolve(this.workspaceRoot, projectRoot)])];
  }

  /** What both folders hold for an environment, the weaker first. */
  async folders(environment: string, projectRoot: string): Promise<readonly FolderLayers[]> {
    return once(this.both, `${projectRoot}\0${environment}`, async () => Promise.all(this.roots(projectRoot).map(async (root) => this.of(root).layersIn(root, environment))));
  }

  /** The schema of one folder, absolute. */
  async schema(root: string): Promise<SchemaFile> {
    return this.of(root).schemaIn(root);
  }

  /** A reader for one project, which takes from this one what all projects share, and is forgotten with what it has read of the project. */
  forProject(): EnvironmentReader {
    const reader = new EnvironmentReader(this.options);
    reader.shared = this;
    return reader;
  }

  private of(root: string): EnvironmentReader {
    return root === this.workspaceRoot ? this.shared ?? this : this;
  }

  private async namesIn(root: string): Promise<readonly string[]> {
    return once(this.names, root, async () => environmentsIn(root));
  }

  private async layersIn(root: string, environment: string): Promise<FolderLayers> {
    return once(this.layers, `${root}\0${environment}`, async () => readLayers(root, { environment, workspaceRoot: this.workspaceRoot, identities: this.identities, schema: await this.schemaIn(root) }));
  }

  private async schemaIn(root: string): Promise<SchemaFile> {
    return once(this.schemas, root, async () => readSchemaFile(root, this.workspaceRoot));
  }

  /** The schemas of both folders as one. `found`: there is at least one. */
  async describedSchema(projectRoot: string): Promise<DescribedSchema> {
    return once(this.described, projectRoot, async () => {
      const files = await Promise.all(this.roots(projectRoot).map(async (root) => this.schema(root)));
      return {
        schema: files.reduce((merged, { content }) => mergeSchemas(merged, content ?? NO_SCHEMA), NO_SCHEMA),
        problems: files.flatMap(({ problems }) => problems),
        found: files.some(({ content }) => content !== undefined),
      };
    });
  }

  /** Names of all environments that have a file, sorted. */
  async environments(projectRoot: string): Promise<readonly string[]> {
    const names = await Promise.all(this.roots(projectRoot).map(async (root) => this.of(root).namesIn(root)));
    return [...new Set(names.flat())].sort();
  }

  /** Environment files of the workspace that git tracks, relative to it. */
  async trackedFiles(): Promise<TrackedFiles> {
    if (this.shared !== undefined) return this.shared.trackedFiles();
    this.tracked ??= trackedFiles(this.workspaceRoot, ENVIRONMENT_EXTENSION, this.options.variables ?? process.env);
    return this.tracked;
  }
}

async function once<T>(known: Map<string, Promise<T>>, name: string, make: () => Promise<T>): Promise<T> {
  const found = known.get(name) ?? make();
  known.set(name, found);
  return found;
}
