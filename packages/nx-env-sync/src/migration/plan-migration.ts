/** What brings the files of one environment to the names of today. Nothing is written here. */
import { parseEnvDocument, type EnvDocument } from '../edit/document.js';
import { EnvSyncError } from '../errors.js';
import { isReservedName } from '../reserved-names.js';
import { isSecret, type EnvSchema } from '../schema.js';
import type { OwnFiles } from '../storage/own-files.js';
import type { OwnTexts } from '../storage/own-texts.js';
import { renamesOf } from '../traits.js';

/** One folder's files of the environment: the workspace's or the project's. */
export interface MigrationFolder {
  readonly files: OwnFiles;
  readonly before: OwnTexts;
  /** What may be renamed in it: in the workspace's files what the workspace says, since other projects read them too. */
  readonly schema: EnvSchema;
}

/** `renamed` and `reference`: `to` is the name of today. `removed`: today's name is set as well, to the same value. `default`: a new key with its default. */
export interface MigrationStep {
  readonly change: 'renamed' | 'removed' | 'reference' | 'default';
  readonly file: string;
  /** Before anything is changed. */
  readonly line?: number;
  readonly key: string;
  readonly to?: string;
}

export interface MigrationPlan {
  readonly steps: readonly MigrationStep[];
  /** In the order of the folders. */
  readonly after: readonly OwnTexts[];
  /** What a person must decide, a line each; there is one, and nothing is to be written. */
  readonly problems: readonly string[];
  /** What is left as it is and why, a line each. */
  readonly left: readonly string[];
}

interface Doc {
  readonly file: string;
  readonly document: EnvDocument;
  readonly lines: ReadonlyMap<string, number>;
}

interface Folder {
  readonly schema: EnvSchema;
  readonly docs: readonly Doc[];
}

/** @param schema as it is for the environment. @param defaults new keys are set to their default. */
export function planMigration(folders: readonly MigrationFolder[], schema: EnvSchema, defaults: boolean): MigrationPlan {
  const planning = new Planning(folders, schema);
  planning.renameKeys();
  if (schema.expand === true) planning.renameReferences();
  if (defaults) planning.setDefaults();
  const { steps, problems, left } = planning;
  return { steps, problems, left, after: planning.texts() };
}

class Planning {
  readonly steps: MigrationStep[] = [];
  readonly problems: string[] = [];
  readonly left: string[] = [];
  private readonly folders: readonly Folder[];

  constructor(private readonly given: readonly MigrationFolder[], private readonly schema: EnvSchema) {
    this.folders = given.map(({ files, before, schema: own }) => ({
      schema: own,
      docs: ([[files.shown.secrets, before.secrets], [files.shown.plain, before.plain]] as const).flatMap(([file, text]) => (text === undefined ? [] : [docOf(file, text)])),
    }));
  }

  renameKeys(): void {
    for (const folder of this.folders) {
      for (const [now, old] of renames(this.schema)) {
        const allowed = folder.schema.rules.has(now) && renamesOf(folder.schema.rules.get(now)?.definition ?? {}).includes(old);
        for (const doc of folder.docs.filter(({ document }) => document.get(old) !== undefined)) {
          if (allowed) this.attempt(doc, old, () => this.renameKey(folder, doc, old, now));
          else this.left.push(`${at(doc, old)}: only the project calls it ${now} now, and other projects read this file; set ${now} in the project's own file, or say x-renamed-from in the workspace's schema`);
        }
      }
    }
  }

  private renameKey(folder: Folder, doc: Doc, old: string, now: string): void {
    const place = { file: doc.file, ...lineOf(doc, old), key: old, to: now };
    const holder = folder.docs.find(({ document }) => document.get(now) !== undefined);
    if (holder === undefined) {
      doc.document.rename(old, now);
      this.steps.push({ change: 'renamed', ...place });
    } else if (holder.document.get(now) === doc.document.get(old)) {
      doc.document.remove(old);
      this.steps.push({ change: 'removed', ...place });
    } else {
      this.problems.push(`${at(doc, old)}: is called ${now} now, which ${holder.file} sets to another value; remove one of the two`);
    }
  }

  /** `${OLD}` becomes `${NOW}` where nothing sets OLD any more. */
  renameReferences(): void {
    const docs = this.folders.flatMap((folder) => folder.docs);
    const isSet = (key: string): boolean => docs.some(({ document }) => document.get(key) !== undefined);
    const gone = new Map([...renames(this.schema)].filter(([now, old]) => !isSet(old) && (isSet(now) || this.schema.rules.get(now)?.definition['default'] !== undefined)).map(([now, old]) => [old, now]));
    for (const doc of docs) {
      for (const { key, line } of doc.document.entries) {
        const value = doc.document.get(key) ?? '';
        const changed = value.replace(/\$\$\{|\$\{(\w+)\}/g, (text, name: string | undefined) => (gone.has(name ?? '') ? `\${${gone.get(name ?? '') ?? ''}}` : text));
        if (changed === value) continue;
        this.attempt(doc, key, () => {
          doc.document.set(key, changed);
          this.steps.push({ change: 'reference', file: doc.file, line, key });
        });
      }
    }
  }

  /** In the project's plain file. A secret is not written there, and the platform's names are its own. */
  setDefaults(): void {
    const docs = this.folders.flatMap((folder) => folder.docs);
    const shown = this.given.at(-1)?.files.shown.plain ?? '';
    for (const [key, rule] of this.schema.rules) {
      const preset = rule.definition['default'];
      const text = typeof preset === 'string' || typeof preset === 'number' || typeof preset === 'boolean' ? String(preset) : undefined;
      if (text === undefined || isReservedName(key) || docs.some(({ document }) => document.get(key) !== undefined)) continue;
      if (isSecret(rule)) {
        this.left.push(`${shown} ${key}: is a secret, so its default is not written into a plain file`);
        continue;
      }
      const doc = this.plainOfProject(shown);
      this.attempt(doc, key, () => {
        doc.document.set(key, text);
        this.steps.push({ change: 'default', file: shown, key });
      });
    }
  }

  private made: Doc | undefined;

  private plainOfProject(file: string): Doc {
    this.made ??= this.folders.at(-1)?.docs.find((doc) => doc.file === file) ?? docOf(file, '');
    return this.made;
  }

  private attempt(doc: Doc, key: string, edit: () => void): void {
    try {
      edit();
    } catch (error) {
      if (!(error instanceof EnvSyncError)) throw error;
      this.problems.push(`${at(doc, key)}: cannot be changed: ${error.message}`);
    }
  }

  texts(): OwnTexts[] {
    return this.given.map(({ files: { shown }, before }, index) => {
      const text = (file: string, then: string | undefined): string | undefined =>
        (this.folders[index]?.docs.find((doc) => doc.file === file) ?? (this.made?.file === file ? this.made : undefined))?.document.toString() ?? then;
      return { plain: text(shown.plain, before.plain), secrets: text(shown.secrets, before.secrets) };
    });
  }
}

function docOf(file: string, text: string): Doc {
  const document = parseEnvDocument(text);
  return { file, document, lines: new Map(document.entries.map(({ key, line }) => [key, line])) };
}

function lineOf({ lines }: Doc, key: string): { line?: number } {
  const line = lines.get(key);
  return line === undefined ? {} : { line };
}

function at(doc: Doc, key: string): string {
  const { line } = lineOf(doc, key);
  return `${doc.file}${line === undefined ? '' : `:${line}`} ${key}`;
}

/** Today's name and an earlier one, the latest first. A name that is described itself is none that was given up. */
function* renames(schema: EnvSchema): Generator<readonly [now: string, old: string]> {
  for (const [now, { definition }] of schema.rules) {
    for (const old of renamesOf(definition)) if (!schema.rules.has(old)) yield [now, old];
  }
}
