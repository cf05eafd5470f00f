import * as files from 'node:fs/promises';
import { describeDisk } from '../contract/faults/disk.js';
import { localSubject } from './subject.spec-support.js';

jest.mock('node:fs/promises', () => ({ __esModule: true, ...jest.requireActual<object>('node:fs/promises') }));

const { open } = files;

/** Each flush to the disk takes that much longer: that of a file, of a folder after a rename, of an entry of the ledger. */
function slowDisk(folder: string, ms: number): () => void {
  const spy = jest.spyOn(files, 'open').mockImplementation(async (path, flags, mode) => {
    const handle = await open(path, flags, mode);
    if (!String(path).startsWith(folder)) return handle;
    const sync = handle.sync.bind(handle);
    return Object.assign(handle, { sync: async () => {
      await new Promise((wake) => { setTimeout(wake, ms); });
      await sync();
    } });
  });
  return () => spy.mockRestore();
}

describeDisk(localSubject({ slowDisk }));
