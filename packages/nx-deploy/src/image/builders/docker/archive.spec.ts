import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../../../shell/programs.spec-support.js';
import { openBlobs } from '../../blobs/index.js';
import { digestOf } from '../../digest.js';
import { writeTar, type Entry } from '../../layer/index.js';
import { openArchive } from './archive-file.js';
import { readExported } from './exported.js';
import { storeExported } from './layers.js';

const ROOT = temporaryFolder('archives');
const file = (path: string, text: string | Buffer): Entry => ({ path, type: 'file', mode: 0o644, source: Buffer.from(text as string) });
const CONFIG = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [digestOf('layer')] } };
const MANIFEST = '[{"Config":"c.json","Layers":["layer"]}]';
const good = [file('manifest.json', MANIFEST), file('c.json', JSON.stringify(CONFIG)), file('layer', 'layer')];

async function tar(entries: readonly Entry[]): Promise<Buffer> {
  const parts: Buffer[] = [];
  await writeTar(entries, (chunk) => void parts.push(Buffer.from(chunk)), 1);
  return Buffer.concat(parts);
}

/** Reads all of it, as a build does; the error, or nothing. */
async function attempt(bytes: Buffer): Promise<string> {
  const folder = mkdtempSync(join(ROOT, 'a-'));
  writeFileSync(join(folder, 'image.tar'), bytes);
  try {
    const archive = await openArchive(join(folder, 'image.tar'));
    const { config, layers } = await readExported(archive);
    for (const [index, name] of layers.entries()) await storeExported(openBlobs(join(folder, 'store')), archive, name, config.rootfs.diff_ids[index]!);
    return '';
  } catch (error) {
    return JSON.stringify(error);
  }
}

function headerAt(bytes: Buffer, change: (header: Buffer) => void): Buffer {
  const copy = Buffer.from(bytes);
  const header = copy.subarray(0, 512);
  change(header);
  header.fill(' ', 148, 156);
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0`, 148, 'latin1');
  return copy;
}

describe('what an engine exported', () => {
  it('is read, long names too', async () => {
    const long = `${'d/'.repeat(120)}layer`;
    expect(await attempt(await tar(good))).toBe('');
    expect(await attempt(await tar([file('manifest.json', MANIFEST.replace('layer', long)), good[1]!, file(long, 'layer')]))).toBe('');
  });

  it.each([
    ['nothing', () => Promise.resolve(Buffer.alloc(0)), 'middle'],
    ['zeros alone', () => Promise.resolve(Buffer.alloc(1024)), 'no .*index.json'],
    ['a member that is cut off', async () => (await tar([file('z', Buffer.alloc(9_000))])).subarray(0, 3_000), 'cut off'],
    ['the end cut off', async () => (await tar(good)).subarray(0, -1_024), 'middle'],
    ['a flipped bit in a header', async () => { const bytes = await tar(good); bytes[3]! ^= 1; return bytes; }, 'damaged'],
    ['a size without end', async () => headerAt(await tar(good), (header) => header.write('77777777777', 124, 'latin1')), 'cut off'],
    ['a size that is no number', async () => headerAt(await tar(good), (header) => header.fill(0xff, 124, 136)), 'number'],
    ['a device', async () => headerAt(await tar(good), (header) => header.write('3', 156, 'latin1')), 'type'],
    ['a name twice', async () => Buffer.concat([(await tar(good)).subarray(0, -1_024), await tar(good)]), 'twice'],
    ['a link to itself', () => tar([...good.slice(0, 2), { path: 'layer', type: 'symlink', target: 'layer' }]), 'link to a link'],
    ['a link out of it', () => tar([...good.slice(0, 2), { path: 'layer', type: 'symlink', target: '../../../etc/passwd' }]), 'no .*passwd'],
    ['another layer', () => tar([...good.slice(0, 2), file('layer', 'other')]), 'other content'],
    ['a layer that is no gzip after all', () => tar([...good.slice(0, 2), file('layer', Buffer.from([0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7]))]), 'unpacked'],
    ['a layer too few', () => tar([file('manifest.json', MANIFEST.replace('"layer"', '')), ...good.slice(1)]), '1 digests for 0'],
    ['two images', () => tar([file('manifest.json', MANIFEST.replace('[', '[{},')), ...good.slice(1)]), '2 images'],
    ['no JSON', () => tar([file('manifest.json', '[}'), ...good.slice(1)]), 'JSON'],
    ['a configuration of another digest', () => tar([file('manifest.json', MANIFEST.replace('c.json', `${'a'.repeat(64)}.json`)), file(`${'a'.repeat(64)}.json`, '{}')]), 'another digest'],
    ['a huge document', () => tar([file('manifest.json', Buffer.alloc(5 * 1024 * 1024, ' ')), ...good.slice(1)]), 'more than'],
    ['an index that leads in circles', () => tar([file('index.json', '{"schemaVersion":2,"manifests":[]}')]), '0 images'],
  ])('refuses %s', async (_, make, expected) => {
    expect(await attempt(await make())).toMatch(new RegExp(`ND-IMAGE-INVALID.*${expected}`));
  });
});
