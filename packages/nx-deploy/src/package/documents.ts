/** deployment-info.json and version-compatibility.json: how the service in a package is started, and what it needs. Neither knows any environment. */
import * as z from 'zod';

const relative = z.string().regex(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\0\\]+$/);
const words = z.array(z.string());

const informationSchema = z.strictObject({
  schema: z.literal(1),
  service: z.string(),
  /** Absent without a commit. */
  buildId: z.string().optional(),
  /** Facts for the ledger. */
  build: z.strictObject({ version: z.string(), commit: z.string().optional(), branch: z.string().optional(), dirty: z.boolean().optional() }),
  /** Folder that the service is started in, relative to the package. */
  workingDirectory: relative,
  /** Relative to `workingDirectory`. */
  entry: relative,
  /** Words that start web there. */
  command: words,
  health: z.string(),
  /** Files that are filled in at deploy time, with the names of the variables that each needs. */
  templates: z.array(z.strictObject({ path: relative, variables: words })),
  /** Names of variables that a schema of the project calls secret. */
  secrets: words,
  /** Machine that native addons in it were made for; absent without any. */
  machine: z.strictObject({ os: z.string(), architecture: z.string(), libc: z.string().optional() }).optional(),
  /** Paths of the files that may be run: no list of digests tells of that. */
  executables: z.array(relative),
});
export type DeploymentInfo = z.output<typeof informationSchema>;

const compatibilitySchema = z.strictObject({
  schema: z.literal(1),
  service: z.string(),
  version: z.string(),
  /** Range of versions; absent: none is stated. */
  node: z.string().optional(),
  /** The schema that it expects, and the oldest that it can work with. Null: no migrations are in it. */
  database: z.strictObject({ schema: z.strictObject({ from: z.string().nullable(), to: z.string().nullable() }) }),
  /** `at`: where one is that is none of the workspace, with the names of the variables that say it. */
  services: z.array(z.strictObject({ name: z.string(), version: z.string().optional(), at: z.string().optional() })),
  /** Absent when it tells of no API. */
  api: z.strictObject({
    /** Relative to the package. */
    document: relative,
    version: z.string().optional(),
    /** What it was compared with; absent: nothing. */
    previous: z.strictObject({ version: z.string().optional(), sha256: z.string() }).optional(),
    compatible: z.boolean().optional(),
    /** What a client of the release before may miss, one line each. */
    breaking: words,
  }).optional(),
});
export type VersionCompatibility = z.output<typeof compatibilitySchema>;

/** Undefined for a text that is none, or of a newer form. */
export function readInfo(text: string): DeploymentInfo | undefined {
  return read(informationSchema, text);
}

export function readCompatibility(text: string): VersionCompatibility | undefined {
  return read(compatibilitySchema, text);
}

function read<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function documentText(document: object): string {
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
