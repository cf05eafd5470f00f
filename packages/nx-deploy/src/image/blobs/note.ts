/** What something outside of the store was found to be, such as a folder of files: a convenience, which spares the next build the look. The last one of each name stays. */
import { createHash } from 'node:crypto';
import { readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder, PRIVATE } from './folder.js';
import type { Places } from './places.js';
import { temporaryIn } from './temporary.js';

export interface Note {
  /** What was written last, as JSON gives it back; undefined when there is none. Never rejects. */
  read(): Promise<unknown>;
  /** Never rejects. */
  write(value: object): Promise<void>;
}

/** `name`: tells what it is about, for every process that uses the store. */
export function noteIn(places: Places, name: string): Note {
  const file = join(places.records, createHash('sha256').update(`note\n${name}`).digest('hex'));
  return {
    read: async () => {
      try {
        const { name: of, value } = JSON.parse(await readFile(file, 'utf8')) as { readonly name?: unknown; readonly value?: unknown };
        if (of !== name) return undefined;
        // The time of its last use, by which it is pruned.
        await utimes(file, new Date(), new Date()).catch(() => undefined);
        return value;
      } catch {
        return undefined;
      }
    },
    write: async (value) => {
      const temporary = temporaryIn(places);
      try {
        for (const folder of [places.temporary, places.records]) await makeFolder(folder, PRIVATE);
        await writeFile(temporary, JSON.stringify({ name, value }), { flag: 'wx', mode: 0o600 });
        await rename(temporary, file);
      } catch {
        await rm(temporary, { force: true }).catch(() => undefined);
      }
    },
  };
}
