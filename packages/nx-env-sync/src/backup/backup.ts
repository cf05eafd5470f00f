/** What a backup is to those who take one before they change something. */

export interface BackupRequest {
  /** Absolute folder of the workspace. */
  readonly workspaceRoot: string;
  /** Folder of the project, absolute or relative to the workspace. */
  readonly projectRoot: string;
  readonly environment: string;
  /** Why it was taken, shown in the list: `before a sync from staging`. Plain ASCII, no values. */
  readonly reason: string;
  /** Folder of the backups, relative to the workspace. Default `.nx-env-sync/backups`. */
  readonly folder?: string;
}

export interface BackupRecord {
  /** What `env-restore` takes: the first 16 digits of the address. */
  readonly id: string;
  /** SHA-256 of the encrypted file: its address, and what shows that it is damaged. */
  readonly digest: string;
  /** Path of the encrypted file, relative to the workspace. */
  readonly file: string;
  readonly environment: string;
  readonly takenAt: Date;
  /** Of the encrypted file. */
  readonly bytes: number;
}

/** Encrypts all files of an environment into one file, and returns when that is on the disk. Rejects with a message for people. */
export type TakeBackup = (request: BackupRequest) => Promise<BackupRecord>;
