import { execFile, execFileSync, fork, type ChildProcess } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, chmodSync, createReadStream, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { bundle } from '../../shell/programs.spec-support.js';
import { digestOf } from '../digest.js';
import type { Entry } from './entry.js';
import { compressLayer, writeLayer, type LayerProgress } from './layer.js';
import { pack } from './layer.spec-support.js';
import { CHUNK } from './tar.js';
import { layerTime } from './time.js';

let root: string;
beforeEach(() => { root = realpathSync(mkdtempSync(join(tmpdir(), 'nd layer '))); });
afterEach(() => { rmSync(root, { recursive: true, force: true }); });

const at = (name: string): Entry => ({ path: name, type: 'file', mode: 0o644, source: join(root, name) });
const inMemory = (path: string, content: string | Uint8Array): Entry => ({ path, type: 'file', mode: 0o644, source: Buffer.from(content) });
/** Bytes that compress badly, and are the same in every run. */
const noise = (size: number): Buffer => createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(Buffer.alloc(size));
const refusal = async (...entries: Entry[]): Promise<unknown> => pack(entries).then(() => undefined, (error: unknown) => error);

describe('a layer', () => {
  it('has the digests and sizes of its bytes', async () => {
    const layer = await pack([inMemory('a', noise(3 * CHUNK)), inMemory('b', 'text '.repeat(500_000))]);
    expect(layer).toMatchObject({ digest: digestOf(layer.gzip), diffId: digestOf(layer.tar), size: layer.gzip.length, uncompressed: layer.tar.length });
  });

  it('is one gzip member with a header of ours, that other programs read', async () => {
    const layer = await pack([inMemory('a', noise(CHUNK)), inMemory('b', 'text '.repeat(CHUNK))]);
    expect([...layer.gzip.subarray(0, 10)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    writeFileSync(join(root, 'layer.gz'), layer.gzip);
    execFileSync('gzip', ['-t', join(root, 'layer.gz')]);
    const plain = execFileSync('gzip', ['-dc', join(root, 'layer.gz')], { maxBuffer: 2 ** 30 });
    expect(plain.equals(layer.tar)).toBe(true);
    // The length of all that is in it; a second member would tell only its own.
    expect(layer.gzip.readUInt32LE(layer.gzip.length - 4)).toBe(layer.tar.length);
  });

  it('of nothing is an empty archive', async () => {
    const layer = await pack([]);
    expect(layer.tar.equals(Buffer.alloc(1024))).toBe(true);
  });

  it('depends on no place, time, umask, order or owner', async () => {
    const make = (folder: string, umask: number, time: number): Entry[] => {
      const before = process.umask(umask);
      mkdirSync(join(root, folder), { recursive: true });
      for (const name of ['x', 'y', 'z']) {
        writeFileSync(join(root, folder, name), `content of ${name}`, { mode: name === 'z' ? 0o777 : 0o666 });
        utimesSync(join(root, folder, name), time, time);
      }
      process.umask(before);
      return ['x', 'y', 'z'].map((name): Entry => ({ path: `app/${name}`, type: 'file', mode: name === 'z' ? 0o777 & ~umask : 0o666 & ~umask, source: join(root, folder, name) }));
    };
    const one = await pack(make('one', 0o077, 1_000));
    const other = await pack(make('an/other place', 0o002, 2_000_000_000).reverse());
    expect(other.digest).toBe(one.digest);
    expect(other.diffId).toBe(one.diffId);
  });

  it('has the bytes that it always had', async () => {
    // A change of this digest makes every image of every user new: it must be wanted.
    const { diffId } = await pack([inMemory('app/main.js', 'console.log(1);\n'), { path: 'app/link', type: 'symlink', target: 'main.js' }], { mtime: 1 });
    expect(diffId).toBe('sha256:d6e47860bf0a3efd619bacbb24308611f04e813a6b10c851c7dd724ef7939a46');
  });

  it('takes its time from SOURCE_DATE_EPOCH', async () => {
    const before = process.env['SOURCE_DATE_EPOCH'];
    try {
      process.env['SOURCE_DATE_EPOCH'] = '1700000000';
      expect((await pack([inMemory('a', '')])).diffId).toBe((await pack([inMemory('a', '')], { mtime: 1_700_000_000 })).diffId);
      delete process.env['SOURCE_DATE_EPOCH'];
      expect((await pack([inMemory('a', '')])).diffId).toBe((await pack([inMemory('a', '')], { mtime: 1 })).diffId);
    } finally {
      if (before !== undefined) process.env['SOURCE_DATE_EPOCH'] = before;
    }
  });

  it.each(['-1', '1.5', 'now', '0x10', '99999999999', ' 5'])('refuses SOURCE_DATE_EPOCH=%j', (text) => {
    expect(() => layerTime({ SOURCE_DATE_EPOCH: text })).toThrow(expect.objectContaining({ code: 'ND-OPTION-INVALID' }));
  });

  it('tells how far it is', async () => {
    writeFileSync(join(root, 'large'), '');
    truncateSync(join(root, 'large'), 40 * CHUNK);
    const events: LayerProgress[] = [];
    await pack([{ ...at('large'), size: 40 * CHUNK } as Entry, inMemory('z', 'end')], { onProgress: (event) => void events.push(event) });
    expect(events.length).toBeGreaterThan(3);
    expect(events.at(-1)).toEqual({ type: 'layer', bytes: 40 * CHUNK + 3, total: 40 * CHUNK + 3 });
    events.length = 0;
    await pack([at('large')], { onProgress: (event) => void events.push(event) });
    expect(events.at(-1)).toEqual({ type: 'layer', bytes: expect.any(Number), total: undefined });
  });
});

describe('compressLayer', () => {
  it('leaves the tar as it is, however it is cut', async () => {
    const { tar, digest, diffId } = await pack([inMemory('a', noise(2 * CHUNK + 100)), inMemory('b', 'b')]);
    writeFileSync(join(root, 'layer.tar'), tar);
    for (const highWaterMark of [1_000, 64 * 1024, CHUNK, 10 * CHUNK]) {
      expect(await compressLayer(createReadStream(join(root, 'layer.tar'), { highWaterMark }), () => undefined)).toMatchObject({ digest, diffId });
    }
  });
});

describe('a sink', () => {
  it('gets one chunk after the other', async () => {
    let busy = 0;
    await writeLayer([inMemory('a', noise(10 * CHUNK))], async () => {
      busy += 1;
      expect(busy).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 2));
      busy -= 1;
    });
  });

  it('that fails ends it with its own error', async () => {
    const failure = new Error('no more');
    let chunks = 0;
    await expect(writeLayer([inMemory('a', noise(20 * CHUNK))], () => {
      chunks += 1;
      if (chunks === 3) throw failure;
    })).rejects.toBe(failure);
    expect(chunks).toBe(3);
  });
});

describe('what cannot be in a layer', () => {
  const unsafe = (...words: string[]): unknown => expect.objectContaining({ code: 'ND-ARTIFACT-UNSAFE', parts: expect.objectContaining({ problems: [expect.stringMatching(words.join('.*'))] }) });

  it('is a socket, a pipe, a device, a folder or a link in the place of a file', async () => {
    const server = createServer().listen(join(root, 'socket'));
    await once(server, 'listening');
    try {
      execFileSync('mkfifo', [join(root, 'pipe')]);
      symlinkSync('/etc/hostname', join(root, 'link'));
      mkdirSync(join(root, 'folder'));
      expect(await refusal(at('socket'))).toEqual(unsafe('socket', 'it is a socket'));
      expect(await refusal(at('pipe'))).toEqual(unsafe('pipe', 'it is a named pipe'));
      expect(await refusal(at('link'))).toEqual(unsafe('link', 'it is a symbolic link'));
      expect(await refusal(at('folder'))).toEqual(unsafe('folder', 'it is a folder'));
      expect(await refusal({ ...at('x'), source: '/dev/zero' } as Entry)).toEqual(unsafe('/dev/zero', 'it is a device'));
    } finally {
      server.close();
    }
  });

  it('is a file that may not be read', async () => {
    if (process.getuid?.() === 0) return;
    writeFileSync(join(root, 'secret'), 'x');
    chmodSync(join(root, 'secret'), 0);
    expect(await refusal(at('secret'))).toEqual(unsafe('secret', 'EACCES'));
  });
});

describe('a file that changes', () => {
  const changed = (name: string, why: string): unknown => expect.objectContaining({ code: 'ND-ARTIFACT-CHANGED', parts: expect.objectContaining({ where: expect.stringContaining(name), why: expect.stringContaining(why) }) });
  /** Does something while the large file is read: the sink is called in the midst of it. */
  const meanwhile = async (action: () => void): Promise<unknown> => {
    writeFileSync(join(root, 'large'), noise(12 * CHUNK));
    utimesSync(join(root, 'large'), 1_000, 1_000);
    let done = false;
    return writeLayer([at('large')], () => {
      if (!done) action();
      done = true;
    }).then(() => undefined, (error: unknown) => error);
  };

  it('before it is read', async () => {
    expect(await refusal(at('gone'))).toEqual(changed('gone', 'it was removed'));
    writeFileSync(join(root, 'file'), 'four');
    expect(await refusal({ ...at('file'), size: 5 } as Entry)).toEqual(changed('file', 'it has 4 bytes, and had 5'));
    expect(await refusal({ ...at('file'), source: join(root, 'file/below') } as Entry)).toEqual(changed('below', 'it was removed'));
  });

  it('between its listing and its reading, with the same size and date', async () => {
    writeFileSync(join(root, 'file'), 'four');
    const sha256 = createHash('sha256').update('four').digest('hex');
    const listed = { ...at('file'), size: 4, sha256 } as Entry;
    expect(await refusal(listed)).toBeUndefined();
    writeFileSync(join(root, 'file'), 'five');
    expect(await refusal(listed)).toEqual(changed('file', 'its content is not what it was'));
    expect(await refusal({ ...listed, path: 'empty', size: 4, sha256: createHash('sha256').digest('hex') } as Entry)).toEqual(changed('file', 'its content'));
  });

  it('while it is read', async () => {
    expect(await meanwhile(() => appendFileSync(join(root, 'large'), 'more'))).toEqual(changed('large', 'differs'));
    expect(await meanwhile(() => truncateSync(join(root, 'large'), 100))).toEqual(changed('large', 'shorter'));
    expect(await meanwhile(() => rmSync(join(root, 'large')))).toEqual(changed('large', 'removed'));
    expect(await meanwhile(() => writeFileSync(join(root, 'large'), noise(12 * CHUNK)))).toEqual(changed('large', 'differs'));
    expect(await meanwhile(() => {
      writeFileSync(join(root, 'other'), noise(12 * CHUNK));
      utimesSync(join(root, 'other'), 1_000, 1_000);
      renameSync(join(root, 'other'), join(root, 'large'));
    })).toEqual(changed('large', 'differs'));
    expect(await meanwhile(() => undefined)).toBeUndefined();
  });
});

describe('memory', () => {
  const soak = process.env['NX_DEPLOY_SOAK'] === '1';
  const FILES = soak ? 50_000 : 4_000;
  const BYTES = (soak ? 2_048 : 200) * 1024 * 1024;
  const LIMIT = 300 * 1024 * 1024;

  it(`stays below 300 MB with ${FILES} files and one of ${BYTES / 2 ** 20} MB`, async () => {
    mkdirSync(join(root, 'files'));
    for (let index = 0; index < FILES; index += 1) writeFileSync(join(root, 'files', `file number ${index}.js`), `module.exports = ${index};\n`);
    writeFileSync(join(root, 'large'), noise(1_000));
    truncateSync(join(root, 'large'), BYTES);
    const program = join(root, 'program.js');
    bundle(`import { openSync, writeSync } from 'node:fs'; import { writeLayer } from './image/layer/layer.js';
          const [root, count] = process.argv.slice(2);
          const file = (path: string) => ({ path, type: 'file' as const, mode: 0o644, source: root + '/' + path });
          const entries = [file('large'), ...Array.from({ length: Number(count) }, (_, index) => file('files/file number ' + index + '.js'))];
          const out = openSync(root + '/layer.tgz', 'w');
          writeLayer(entries, (chunk) => void writeSync(out, chunk)).then((layer) => process.send({ ...layer, rss: process.resourceUsage().maxRSS * 1024 }));`, program);
    const child: ChildProcess = fork(program, [root, String(FILES)], { execArgv: [] });
    const [result] = await once(child, 'message') as [{ rss: number; uncompressed: number; size: number }];
    child.disconnect();
    await once(child, 'exit');
    expect(result.rss).toBeLessThan(LIMIT);
    expect(result.uncompressed).toBeGreaterThan(BYTES + FILES * 1024);
    const { stdout } = await promisify(execFile)('tar', ['-tzf', join(root, 'layer.tgz')], { maxBuffer: 2 ** 30 });
    expect(stdout.trim().split('\n')).toHaveLength(FILES + 2);
  }, soak ? 600_000 : 120_000);
});
