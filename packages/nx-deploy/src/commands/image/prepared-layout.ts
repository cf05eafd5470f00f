/** A layout that is written while the image is still checked, and takes its place when that went well. */
import type { BlobStore } from '../../image/blobs/index.js';
import type { Build } from '../../image/builder.js';
import { writeLayout, type WrittenLayout } from '../../image/layout/index.js';

export class PreparedLayout {
  readonly #folder: string;
  readonly #store: BlobStore;
  readonly #checked: Promise<void>;
  #pass: () => void = () => undefined;
  #fail: (thrown: unknown) => void = () => undefined;
  #written: Promise<WrittenLayout> | undefined;

  constructor(folder: string, store: BlobStore) {
    this.#folder = folder;
    this.#store = store;
    this.#checked = new Promise<void>((resolve, reject) => {
      this.#pass = resolve;
      this.#fail = reject;
    });
    this.#checked.catch(() => undefined);
  }

  /** A failure is met by {@link finish}. */
  begin(build: Build): void {
    this.#write(build).catch(() => undefined);
  }

  /** Puts it in place. @throws what `writeLayout` throws */
  finish(build: Build): Promise<WrittenLayout> {
    this.#pass();
    return this.#write(build);
  }

  /** Resolves when nothing of it is left, unless it is in place. */
  async abandon(why: unknown): Promise<void> {
    this.#fail(why);
    await this.#written?.catch(() => undefined);
  }

  #write({ images }: Build): Promise<WrittenLayout> {
    return this.#written ??= writeLayout(this.#folder, images.map(({ image }) => image), { store: this.#store, ready: this.#checked });
  }
}
