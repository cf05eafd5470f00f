/** The one interface behind which environments are read and written: files, a vault's program, what runs on a platform. */

/** What a store holds of one environment at one moment. */
export interface StoreContent {
  /** Sorted by key; every key is a name that a process can have. */
  readonly values: ReadonlyMap<string, string>;
  /** Keys that the store itself keeps as secrets (in an encrypted file, say). A schema may call more of them secret. */
  readonly secrets: ReadonlySet<string>;
  /** Where each value stands (`environments/staging.env:3`), as far as the store can tell. Plain ASCII. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Where environments are kept. An error of a store names store, files and keys, and never holds a value. */
export interface EnvStore {
  /** As shown to people: `staging`, `vault:staging`, `running:staging`. Plain ASCII. */
  readonly name: string;
  /** @throws EnvSyncError with all that is wrong at once. */
  read(): Promise<StoreContent>;
}

/** Which environment is asked for, and from where. */
export interface Place {
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  /** Folder of the project, relative to the workspace; `.` for the workspace itself. */
  readonly projectRoot: string;
  /** Empty for the workspace itself. */
  readonly projectName: string;
  /** Variables of the command: where the secret keys are. */
  readonly variables: NodeJS.ProcessEnv;
}
