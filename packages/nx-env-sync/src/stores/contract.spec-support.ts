/** What every store does alike. A store that cannot be written to is handed over with what it holds. */
import type { EnvStore } from './store.js';

export interface StoreSubject {
  /** The store of one environment that holds exactly these values. */
  readonly open: (values: Readonly<Record<string, string>>) => Promise<EnvStore>;
  /** Everything that the store could have shown: output, arguments of programs. */
  readonly shown?: () => string;
}

const PLANTED = 'planted-4711';
const plain = (values: ReadonlyMap<string, string>): Record<string, string> => Object.fromEntries(values);

export function describeStore(name: string, subject: StoreSubject): void {
  describe(`the store ${name}`, () => {
    afterEach(() => expect(subject.shown?.() ?? '').not.toContain(PLANTED));

    it('gives all values, sorted, and the same revision for the same', async () => {
      const store = await subject.open({ B: PLANTED, A: '', C: 'two\nlines' });
      const [first, second] = [await store.read(), await store.read()];
      expect([...first.values]).toEqual([['A', ''], ['B', PLANTED], ['C', 'two\nlines']]);
      expect(first.revision).toBe(second.revision);
      expect(first.revision).not.toContain(PLANTED);
      expect([...first.secrets, ...first.sources.keys()].filter((key) => !first.values.has(key))).toEqual([]);
      expect(store.name).toMatch(/^[\x20-\x7e]+$/);
    });

    it('gives another revision for other values', async () => {
      const one = await (await subject.open({ A: '1' })).read();
      const other = await (await subject.open({ A: '2' })).read();
      expect(one.revision).not.toBe(other.revision);
    });
  });
}

export function describeWritableStore(name: string, subject: StoreSubject): void {
  describeStore(name, subject);
  describe(`writing to the store ${name}`, () => {
    afterEach(() => expect(subject.shown?.() ?? '').not.toContain(PLANTED));
    const written = async (before: Readonly<Record<string, string>>, changes: Readonly<Record<string, string | undefined>>): Promise<Record<string, string>> => {
      const store = await subject.open(before);
      const { revision } = await store.read();
      await store.write?.(Object.entries(changes).map(([key, value]) => ({ key, value, secret: false })), revision);
      return plain((await store.read()).values);
    };

    it('sets, changes and removes, and leaves the rest', async () => {
      expect(await written({ A: '1', B: '2', C: '3' }, { A: PLANTED, B: undefined, D: '4' })).toEqual({ A: PLANTED, C: '3', D: '4' });
    });

    it('keeps hostile values as they are', async () => {
      const values = ['', ' space ', '$(id) `id` ${HOME}', '"quoted"', "it's", '# no comment', 'a\nb\n', '\\n', '\u00fc \u{1f600}', '--flag', '{environment}', 'x'.repeat(100_000)];
      const changes = Object.fromEntries(values.map((value, index) => [`V${index + 10}`, value]));
      expect(await written({ A: '1' }, changes)).toEqual({ A: '1', ...changes });
    });

    it('refuses what no process can receive, and then writes nothing', async () => {
      for (const changes of [{ A: '2', B: `${PLANTED}\0` }, { A: '2', '$(id)': PLANTED }]) {
        const store = await subject.open({ A: '1' });
        const { revision } = await store.read();
        const error = await store.write?.(Object.entries(changes).map(([key, value]) => ({ key, value, secret: false })), revision).then(() => undefined, (thrown: unknown) => thrown);
        expect(error).toMatchObject({ name: 'EnvSyncError', kind: 'refused' });
        expect(JSON.stringify(error)).not.toContain(PLANTED);
        expect(plain((await store.read()).values)).toEqual({ A: '1' });
      }
    });

    it('refuses when somebody else wrote meanwhile', async () => {
      const store = await subject.open({ A: '1' });
      const { revision } = await store.read();
      await store.write?.([{ key: 'A', value: '2', secret: false }], revision);
      await expect(store.write?.([{ key: 'A', value: '3', secret: false }], revision)).rejects.toMatchObject({ kind: 'refused', parts: { what: expect.stringContaining('was changed by somebody else meanwhile') } });
      expect(plain((await store.read()).values)).toEqual({ A: '2' });
    });
  });
}
