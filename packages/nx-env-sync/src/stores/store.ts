/** The one interface behind which environments are read and written: files, a vault's program, what runs on a platform. */

/** read: gives values. compare: gives fingerprints (a store that reads can always compare). write: takes changes. */
export type StoreAbility = 'read' | 'compare' | 'write';

/** What a store holds of one environment at one moment. */
export interface StoreContent {
  readonly values: ReadonlyMap<string, string>;
  /** Keys that the store itself keeps as secrets (in an encrypted file, say). A schema may call more of them secret. */
  readonly secrets: ReadonlySet<string>;
  /**
   * Stands for everything that was read, and tells nothing about it: {@link EnvStore.write} is refused when the store has another one by then.
   * A store that has nothing of this environment has one too.
   */
  readonly revision: string;
}

/** Fingerprints of a store's values under a key of the caller's: equal values are equal, and nothing else can be told from them. */
export interface StoreFingerprints {
  /** {@link fingerprint} of each key. */
  readonly prints: ReadonlyMap<string, string>;
  readonly secrets: ReadonlySet<string>;
}

/** One key's new value; undefined removes it. */
export interface StoreChange {
  readonly key: string;
  readonly value: string | undefined;
  /** Where a key is to stand that the store does not have yet. One that it has stays where it is, and never leaves an encrypted place. */
  readonly secret: boolean;
}

export interface EnvStore {
  /** As shown to people: `environments/staging.env`, `vault:staging`, `running:staging`. Plain ASCII. */
  readonly name: string;
  readonly can: ReadonlySet<StoreAbility>;
  /** @throws StoreError with all that is wrong at once; for a store that cannot do it, too. */
  read(): Promise<StoreContent>;
  /** `key`: 32 random bytes of the caller's. */
  fingerprints(key: Buffer): Promise<StoreFingerprints>;
  /**
   * All changes or none, as far as the store can: a file is replaced as a whole.
   * @param expected the revision that was read. Another one by now is a {@link StoreError} with `changed`, and nothing is written.
   */
  write(changes: readonly StoreChange[], expected: string): Promise<void>;
}

/** What a store refuses or cannot do. It names the store, files and keys, and never holds a value. */
export class StoreError extends Error {
  /** `changed`: somebody else wrote since the store was read. `unable`: it lacks the ability. `invalid`: what was given or found is not right. */
  constructor(readonly kind: 'changed' | 'unable' | 'invalid' | 'failed', readonly store: string, readonly problems: readonly string[], options?: ErrorOptions) {
    super(`${store}: ${problems.join('; ')}`, options);
    this.name = 'StoreError';
  }
}

/** The refusal of what a store cannot do. */
export function unable(store: Pick<EnvStore, 'name'>, ability: StoreAbility): StoreError {
  const verbs: Readonly<Record<StoreAbility, string>> = { read: 'be read', compare: 'be compared', write: 'be written to' };
  return new StoreError('unable', store.name, [`it cannot ${verbs[ability]}`]);
}
