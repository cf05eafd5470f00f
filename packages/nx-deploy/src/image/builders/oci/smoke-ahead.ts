/** The process of the next smoke import, started at the beginning of a build that will likely need one. */
import { lstat, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OciImage } from '../../../config/resolved.js';
import type { BuildSite } from '../../builder.js';
import type { Note } from '../../blobs/note.js';
import type { Platform } from '../../oci.js';
import { isThisMachine } from './platforms.js';
import { ServiceProcess } from './service-process.js';
import { serviceEnvironment } from './smoke.js';

export class SmokeAhead {
  readonly #note: Note;
  readonly #beginning: Promise<void>;
  #seen: string | undefined;
  #folder: string | undefined;
  #process: ServiceProcess | undefined;

  constructor(options: OciImage, platforms: readonly Platform[], site: BuildSite) {
    const entry = join(options.path, options.entry);
    this.#note = site.store.note(`smoke import of ${entry}`);
    // What fails here fails again where it is needed, and is told there.
    this.#beginning = platforms.some(isThisMachine) ? this.#begin(entry, options, site).catch(() => undefined) : Promise.resolve();
  }

  /** The process, once; undefined when none was started. */
  async take(): Promise<ServiceProcess | undefined> {
    await this.#beginning;
    const taken = this.#process;
    this.#process = undefined;
    return taken;
  }

  /** The smoke import went well: without another entry the next build needs none. Never rejects. */
  async passed(): Promise<void> {
    if (this.#seen !== undefined) await this.#note.write({ entry: this.#seen });
  }

  /** Ends what was not taken, and removes the folder of what was. Never rejects. */
  async close(): Promise<void> {
    await (await this.take())?.end();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }

  /** An unchanged entry is a sign that nothing changed. To be wrong costs some ms, and never the smoke import: whether that takes place is decided by the layers. */
  async #begin(entry: string, { env }: OciImage, { variables, signal }: BuildSite): Promise<void> {
    const { size, mtimeMs, ctimeMs, ino } = await lstat(entry);
    const seen = [size, mtimeMs, ctimeMs, ino].join(' ');
    const before = await this.#note.read();
    if (typeof before === 'object' && before !== null && 'entry' in before && before.entry === seen) return;
    this.#seen = seen;
    const { TMPDIR: place = tmpdir() } = variables;
    this.#folder = await realpath(await mkdtemp(join(place, 'nx-deploy-smoke-')));
    this.#process = await ServiceProcess.start({ folder: this.#folder, env: serviceEnvironment(env, variables), ...(signal === undefined ? {} : { signal }) });
  }
}
