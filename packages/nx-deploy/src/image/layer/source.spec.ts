/** What the file system may answer between the look at a file and its reading, which no test can bring about at the right moment. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import type { DeployError } from '../../errors.js';
import { openSource } from './source.js';

jest.mock('node:fs', () => ({ __esModule: true, ...jest.requireActual<object>('node:fs') }));
afterEach(() => jest.restoreAllMocks());

const file = join(temporaryFolder('sources'), 'file');
fs.writeFileSync(file, 'text');
const system = (code: string): Error => Object.assign(new Error(code), { code });
const failing = (name: 'openSync' | 'readSync' | 'lstatSync', code: string): void => { jest.spyOn(fs, name).mockImplementation(() => { throw system(code); }); };

it.each<[string, string, string]>([
  ['ENOENT', 'ND-ARTIFACT-CHANGED', 'it was removed'], ['ENOTDIR', 'ND-ARTIFACT-CHANGED', 'it was removed'],
  ['ELOOP', 'ND-ARTIFACT-CHANGED', 'it is no regular file any more'], ['ENXIO', 'ND-ARTIFACT-CHANGED', 'it is no regular file any more'],
  ['EACCES', 'ND-ARTIFACT-UNSAFE', 'it cannot be read (EACCES)'], ['EPERM', 'ND-ARTIFACT-UNSAFE', 'it cannot be read (EPERM)'],
])('%s when it is opened is %s', (code, error, why) => {
  failing('openSync', code);
  let thrown: unknown;
  try {
    openSource(file);
  } catch (caught) {
    thrown = caught;
  }
  const { parts } = thrown as DeployError;
  expect([thrown, parts.why ?? parts.problems?.join()]).toEqual([expect.objectContaining({ code: error }), expect.stringContaining(why)]);
});

it('tells an error of the disk as it is, and closes the file', () => {
  const close = jest.spyOn(fs, 'closeSync');
  const source = openSource(file, 4);
  failing('readSync', 'EIO');
  expect(() => source.read(Buffer.alloc(10))).toThrow(expect.objectContaining({ code: 'EIO' }));
  source.close();
  expect(close).toHaveBeenCalledTimes(1);
});

it('reads no more than the file had when it was opened', () => {
  const source = openSource(file);
  fs.appendFileSync(file, ' and more');
  const buffer = Buffer.alloc(100);
  expect([source.size, source.read(buffer), source.read(buffer)]).toEqual([4, 4, 0]);
  expect(() => source.confirm()).toThrow(expect.objectContaining({ code: 'ND-ARTIFACT-CHANGED' }));
  source.close();
});
