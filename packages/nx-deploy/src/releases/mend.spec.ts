import { temporaryFolder } from '../shell/programs.spec-support.js';
import { join } from 'node:path';
import { stateStoreIn } from './file-state-store.js';
import { memoryLock } from './memory-lock.js';
import { mendState, removeUnfinished } from './mend.js';
import { nodeFiles } from './node-files.js';

const root = temporaryFolder('mend');

it('moves aside what is damaged and removes what nobody finished, and tells each', async () => {
  const all = nodeFiles(join(root, 'one'));
  const files = all.below('services/api');
  const key = { files: all, path: 'target.key' };
  const state = stateStoreIn({ files, key, lock: memoryLock('api') });
  expect(await mendState(state, files, key)).toEqual([]);
  expect(await removeUnfinished(files)).toBeUndefined();
  for (const path of ['journal.json', 'hook.json', 'releases/r0123456789ab.json', 'releases/notes.json']) await files.write(path, '{');
  await all.write('target.key', 'no key');
  for (const path of ['journal.json.7.ab.tmp', 'ledger/head.json.8.cd.tmp', 'config/x.9.ef.tmp', 'config/y.tmp']) await files.write(path, '');
  const aside = (path: string, within = files): unknown => expect.stringContaining(`was damaged and is now ${within.where(path)}.damaged-`);
  expect(await mendState(state, files, key)).toEqual([aside('target.key', all), aside('journal.json'), aside('hook.json'), aside('releases/r0123456789ab.json')]);
  expect(await removeUnfinished(files)).toBe('removed 3 unfinished files and folders: journal.json.7.ab.tmp, x.9.ef.tmp, head.json.8.cd.tmp');
  expect(await files.names('config')).toEqual(['y.tmp']);
  expect(await state.journal.read()).toBeUndefined();
  expect(await state.releases.list()).toEqual([]);
  expect(await mendState(state, files, key)).toEqual([]);
});

it('leaves alone what a newer version wrote', async () => {
  const files = nodeFiles(join(root, 'two'));
  const key = { files, path: 'target.key' };
  await files.write('journal.json', '{"schema":2}');
  await expect(mendState(stateStoreIn({ files, key, lock: memoryLock('api') }), files, key)).rejects.toMatchObject({ code: 'ND-STATE-NEWER' });
  expect(await files.names('')).toEqual(expect.arrayContaining(['journal.json']));
});
