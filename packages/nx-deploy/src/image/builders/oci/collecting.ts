/** The files for each platform, in their order. It begins at once: while a registry is asked for the base, the files are looked at. */
import { nextTurn } from '../../../archive/walk.js';
import type { OciImage } from '../../../config/resolved.js';
import type { BuildSite, ImageFiles } from '../../builder.js';
import type { Platform } from '../../oci.js';
import type { CollectFiles } from './builder.js';

export class Collecting {
  readonly #found: ImageFiles[] = [];
  readonly #confirmed: ImageFiles[] = [];
  readonly #work: Promise<void>;
  readonly #confirming: Promise<void>;
  #going: Promise<void> = Promise.resolve();
  #goOn: () => void = () => undefined;

  constructor(collect: CollectFiles, options: OciImage, platforms: readonly Platform[], site: BuildSite) {
    const turn = async (): Promise<void> => {
      await nextTurn();
      await this.#going;
    };
    this.#work = (async () => {
      for (const platform of platforms) this.#found.push(await collect(options, platform, { ...site, presumes: { turn } }));
    })();
    this.#confirming = this.#work.then(async () => {
      for (const files of this.#found) this.#confirmed.push(await (files.confirm?.() ?? files));
    });
    // A failure is met when its turn comes.
    for (const work of [this.#work, this.#confirming]) work.catch(() => undefined);
  }

  /** Perhaps presumed ones. */
  async all(): Promise<readonly ImageFiles[]> {
    await this.#work;
    return this.#found;
  }

  /** Those that were found by looking. */
  async confirmed(): Promise<readonly ImageFiles[]> {
    this.goOn();
    await this.#confirming;
    return this.#confirmed;
  }

  /** What is presumed is not looked at until {@link goOn}: something else is more urgent. */
  pause(): void {
    this.goOn();
    this.#going = new Promise((resolve) => { this.#goOn = resolve; });
  }

  goOn(): void {
    this.#goOn();
  }

  async close(): Promise<void> {
    this.goOn();
    await this.#confirming.catch(() => undefined);
    await Promise.allSettled([...new Set([...this.#found, ...this.#confirmed])].map((files) => files.close()));
  }
}
