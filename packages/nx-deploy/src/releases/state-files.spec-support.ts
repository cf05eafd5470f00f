/** What every kind of state files does, wherever they are. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import type { StateFiles } from './state-files.js';

const SEVERAL_MEGABYTES = 5_000_000;
/** Of which those in the folder have one letter. */
const PATHS = ['a', 'b.json', 'folder/a', 'folder/b', 'folder/deeper/c'] as const;

/** @param open of an empty folder each time; @param runs of the random part */
export function describeStateFiles(name: string, open: () => Promise<StateFiles>, runs = 30): void {
  describe(name, () => {
    let files: StateFiles;
    beforeEach(async () => { files = await open(); });
    const text = async (path: string): Promise<string | undefined> => (await files.read(path))?.toString('utf8');
    const sorted = async (path: string): Promise<readonly string[]> => (await files.names(path)).toSorted();

    it('finds nothing where there is nothing, and makes nothing by looking', async () => {
      await files.write('file', 'x');
      for (const path of ['none', 'none/deeper', 'file/below']) expect(await files.read(path)).toBeUndefined();
      for (const path of ['none', 'file']) expect(await files.names(path)).toEqual([]);
      for (const path of ['none', 'none/deeper']) {
        await files.remove(path);
        await files.removeTree(path);
      }
      expect(await files.names('')).toEqual(['file']);
    });

    it('gives back exactly what was written', async () => {
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const contents: readonly (string | Uint8Array)[] = ['', '\n', 'x\n\n', ' \t ', 'no end', '-n', '%s\\n', '\0', '$(id) `id` "\'', '\u00e4\u20ac', every, Buffer.concat([every, Buffer.from('\n')]), 'ok 3\nabc', randomBytes(70_000)];
      for (const [index, content] of contents.entries()) await files.write(`folder/${index}`, content);
      for (const [index, content] of contents.entries()) expect(await files.read(`folder/${index}`)).toEqual(Buffer.from(content));
      expect(await sorted('folder')).toEqual(contents.map((_, index) => String(index)).toSorted());
      for (const content of contents) {
        await files.write('replaced', content);
        expect(await files.read('replaced')).toEqual(Buffer.from(content));
      }
      expect(await sorted('')).toEqual(['folder', 'replaced']);
    });

    it('takes and gives several megabytes, written and appended', async () => {
      const large = randomBytes(SEVERAL_MEGABYTES);
      await files.write('large', large);
      expect((await files.read('large'))?.equals(large)).toBe(true);
      await files.append('large', large);
      expect((await files.read('large'))?.equals(Buffer.concat([large, large]))).toBe(true);
    });

    it('appends, makes what it appends to, and cuts', async () => {
      await files.append('log/1', 'one\n');
      await files.append('log/1', '');
      await files.append('log/1', 'two');
      expect(await text('log/1')).toBe('one\ntwo');
      await files.truncate('log/1', 4);
      expect(await text('log/1')).toBe('one\n');
      await files.truncate('log/1', 0);
      expect(await text('log/1')).toBe('');
      await expect(files.truncate('log/none', 0)).rejects.toThrow();
      expect(await files.read('log/none')).toBeUndefined();
    });

    it('makes a file once, whoever asks first', async () => {
      expect(await files.create('folder/key', 'one')).toBe(true);
      expect(await files.create('folder/key', 'two')).toBe(false);
      expect(await files.create('folder', 'two')).toBe(false);
      expect(await text('folder/key')).toBe('one');
      const made = await Promise.all(Array.from({ length: 8 }, (_, index) => files.create('race', String(index))));
      expect(made.filter((won) => won)).toHaveLength(1);
      expect(await text('race')).toBe(String(made.indexOf(true)));
      expect(await sorted('')).toEqual(['folder', 'race']);
      expect(await files.names('folder')).toEqual(['key']);
    });

    it('puts aside what cannot be used, and tells where', async () => {
      await files.write('folder/a.json', 'damaged');
      const aside = await files.setAside('folder/a.json');
      expect(await files.read('folder/a.json')).toBeUndefined();
      const [name = ''] = await files.names('folder');
      expect(name).toMatch(/^a\.json\.damaged-\d{8}T\d{6}-[0-9a-f]{4}$/);
      expect(aside).toBe(files.where(`folder/${name}`));
      expect(await text(`folder/${name}`)).toBe('damaged');
      await expect(files.setAside('folder/a.json')).rejects.toThrow();
    });

    it('removes files and folders, and sees the same from below', async () => {
      const below = files.below('folder').below('deeper');
      await below.write('a', 'x');
      expect(await text('folder/deeper/a')).toBe('x');
      expect(below.where('a')).toBe(files.where('folder/deeper/a'));
      expect(await below.names('')).toEqual(['a']);
      await files.remove('folder/deeper/a');
      expect(await below.names('')).toEqual([]);
      await files.removeTree('folder');
      expect(await files.names('')).toEqual([]);
      await below.write('a', 'again');
      await files.removeTree('folder/deeper/a');
      expect(await below.read('a')).toBeUndefined();
    });

    it('refuses to take a folder for a file, and leaves it', async () => {
      await files.write('folder/a', 'x');
      for (const act of [() => files.read('folder'), () => files.write('folder', 'y'), () => files.append('folder', 'y'), () => files.write('folder/a/b', 'y'), () => files.remove('folder')]) await expect(act()).rejects.toThrow();
      expect(await sorted('')).toEqual(['folder']);
      expect(await files.names('folder')).toEqual(['a']);
      expect(await text('folder/a')).toBe('x');
    });

    it('answers each of many who ask at once', async () => {
      const numbers = Array.from({ length: 20 }, (_, index) => String(index));
      await Promise.all(numbers.map((number) => files.write(`folder/${number}`, number.repeat(1_000))));
      const found = await Promise.all([...numbers, 'none'].map((number) => text(`folder/${number}`)));
      expect(found).toEqual([...numbers.map((number) => number.repeat(1_000)), undefined]);
    });

    it('is after any order of changes what a map of names would be', async () => {
      const path = fc.constantFrom(...PATHS);
      const content = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
      const change = fc.oneof(
        fc.tuple(fc.constant('write' as const), path, content), fc.tuple(fc.constant('append' as const), path, content), fc.tuple(fc.constant('create' as const), path, content),
        fc.tuple(fc.constant('remove' as const), path, content),
      );
      await fc.assert(fc.asyncProperty(fc.array(change, { maxLength: 12 }), async (changes) => {
        const model = new Map<string, Buffer>();
        await Promise.all((await files.names('')).map((each) => files.removeTree(each)));
        for (const [kind, at, bytes] of changes) {
          const before = model.get(at);
          if (kind === 'write') await files.write(at, bytes).then(() => model.set(at, bytes));
          else if (kind === 'append') await files.append(at, bytes).then(() => model.set(at, Buffer.concat([before ?? Buffer.alloc(0), bytes])));
          else if (kind === 'create') expect(await files.create(at, bytes)).toBe(before === undefined);
          else await files.remove(at).then(() => model.delete(at));
          if (kind === 'create' && before === undefined) model.set(at, bytes);
        }
        for (const at of PATHS) expect(await files.read(at)).toEqual(model.get(at));
        const inFolder = [...model.keys()].filter((at) => /^folder\/.$/.test(at)).map((at) => at.slice(-1));
        expect((await sorted('folder')).filter((each) => each !== 'deeper')).toEqual(inFolder.toSorted());
      }), { numRuns: runs });
    });
  });
}
