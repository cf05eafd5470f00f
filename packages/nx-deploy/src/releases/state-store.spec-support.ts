/** What a state store does, on whatever files it stands. */
import { GENESIS, ledgerIn } from './ledger.js';
import { memoryLock } from './memory-lock.js';
import { stateStoreIn } from './file-state-store.js';
import type { StateFiles } from './state-files.js';
import { startBody } from './state.spec-support.js';
import { STATE_SCHEMA, type JournalRecord, type StateStore } from './state-store.js';

const journal: JournalRecord = {
  schema: STATE_SCHEMA, run: 'run-1', action: 'deploy', actor: { user: 'zoe', host: 'ci-7', pid: 42 }, startedAt: '2026-01-01T00:00:00.000Z', epoch: 1,
  effect: { kind: 'scale', key: 'web' }, from: {}, to: {}, releases: {}, committed: false,
};
const damaged = { code: 'ND-STATE-DAMAGED' };

/** @param open of an empty folder each time */
export function describeStateStore(name: string, open: () => Promise<StateFiles>): void {
  describe(name, () => {
    let files: StateFiles;
    let store: StateStore;
    beforeEach(async () => {
      files = await open();
      store = storeOf();
    });
    const storeOf = (): StateStore => stateStoreIn({ files: files.below('services/api'), key: { files, path: 'target.key' }, lock: memoryLock('api') });

    it('has a ledger in segments whose chain holds', async () => {
      const ledger = (): ReturnType<typeof ledgerIn> => ledgerIn(files.below('ledger'), { segmentEntries: 3 });
      expect(await ledger().verify()).toEqual({ ok: true, entries: 0, head: GENESIS });
      for (let run = 1; run <= 7; run += 1) await ledger().append(startBody(`run-${run}`));
      const entries = await ledger().entries();
      expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect((await files.names('ledger')).toSorted()).toEqual(['000001.jsonl', '000002.jsonl', '000003.jsonl', 'head.json']);
      expect(await ledger().verify()).toEqual({ ok: true, entries: 7, head: entries.at(-1)?.hash });
    });

    it('names a torn entry, which the next one replaces, and an end that was cut off', async () => {
      const where = files.where('services/api/ledger/000001.jsonl');
      await store.ledger.append(startBody('one'));
      await files.append('services/api/ledger/000001.jsonl', '{"kind":"start","run":"tw');
      expect(await store.ledger.verify()).toMatchObject({ ok: true, entries: 1, torn: `${where}:2` });
      await store.ledger.append(startBody('two'));
      expect(await store.ledger.verify()).toMatchObject({ ok: true, entries: 2 });
      expect((await store.ledger.verify()).torn).toBeUndefined();
      await files.truncate('services/api/ledger/000001.jsonl', 0);
      expect(await store.ledger.verify()).toMatchObject({ ok: false, broken: `${where}: its end was cut off, 2 entries were written and 0 are there` });
    });

    it('replaces and clears the journal, and never takes a damaged one for none', async () => {
      expect(await store.journal.read()).toBeUndefined();
      for (const epoch of [1, 2]) await store.journal.write({ ...journal, epoch });
      expect(await storeOf().journal.read()).toEqual({ ...journal, epoch: 2 });
      await files.write('services/api/journal.json', '{"schema":1');
      await expect(store.journal.read()).rejects.toMatchObject({ ...damaged, parts: { where: files.where('services/api/journal.json') } });
      await store.journal.clear();
      await store.journal.clear();
      expect(await store.journal.read()).toBeUndefined();
    });

    it('opens what was sealed, makes one key for all, and refuses what was changed', async () => {
      const config = { values: { DATABASE: 'postgres://u:secret@db', EMPTY: '', LINES: 'a\nb\n' }, secrets: ['DATABASE'] };
      const refs = await Promise.all(Array.from({ length: 4 }, () => storeOf().config.seal(config)));
      expect(new Set(refs.map(({ digest }) => digest)).size).toBe(1);
      const [ref] = refs;
      if (ref === undefined) throw new Error('not sealed');
      expect(await storeOf().config.open(ref)).toEqual(config);
      const path = `services/api/config/${ref.digest.slice(0, 32)}.json`;
      const text = (await files.read(path))?.toString() ?? '';
      await files.write(path, text.replace('secret@', 'sECRET@'));
      await expect(store.config.open(ref)).rejects.toMatchObject(damaged);
      await store.config.remove(ref);
      await expect(store.config.open(ref)).rejects.toMatchObject(damaged);
      await files.write('target.key', '');
      await expect(store.config.seal(config)).rejects.toMatchObject(damaged);
      expect((await files.read('target.key'))?.length).toBe(0);
    });
  });
}
