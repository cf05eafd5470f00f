export interface Migration {
  readonly name: string;
  /** Relative to the folder of migrations, with `/`. */
  readonly file: string;
}

/** How one tool lays out its migrations. Each tool is one file that exports one layout. */
export interface MigrationLayout {
  readonly tool: string;
  /** Folders in which the tool keeps them by default, relative to the project. */
  readonly folders: readonly string[];
  /**
   * The migrations in the order in which the tool applies them; undefined when the folder is not one of this tool.
   * @param files every file below the folder, relative to it, with `/`, sorted
   */
  recognise(files: readonly string[]): readonly Migration[] | undefined;
}

/** The files of a folder that match, each of them one migration, in the order of their names; undefined when none does. */
export function oneFileEach(files: readonly string[], pattern: RegExp): readonly Migration[] | undefined {
  const found = files.filter((file) => pattern.test(file)).map((file) => ({ name: file, file }));
  return found.length === 0 ? undefined : found;
}
