import { execFileSync } from 'node:child_process';
import { gunzipSync } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import type { Entry } from './entry.js';
import { writeLayer, type BuiltLayer, type LayerOptions } from './layer.js';

export interface Packed extends BuiltLayer {
  readonly gzip: Buffer;
  readonly tar: Buffer;
}

export async function pack(entries: AsyncIterable<Entry> | Iterable<Entry>, options: LayerOptions = {}): Promise<Packed> {
  const parts: Uint8Array[] = [];
  const layer = await writeLayer(entries, (chunk) => void parts.push(chunk), options);
  const gzip = Buffer.concat(parts);
  return { ...layer, gzip, tar: gunzipSync(gzip) };
}

export interface Member {
  readonly path: string;
  readonly type: string;
  readonly mode: number | undefined;
  readonly mtime: number | undefined;
  readonly owner: string;
  readonly target: string | undefined;
  readonly content: string;
}

/** What npm's tar reads, strictly. */
export async function membersOf(archive: Buffer): Promise<Member[]> {
  const members: Member[] = [];
  await new Promise<void>((resolve, reject) => {
    const parser = new Parser({
      strict: true,
      onReadEntry: (entry: ReadEntry) => {
        const parts: Buffer[] = [];
        entry.on('data', (part: Buffer) => void parts.push(part));
        entry.on('end', () => {
          const { path, type, mode, mtime, uid, gid, uname = '', gname = '', linkpath } = entry;
          members.push({
            path, type, mode, mtime: mtime && mtime.getTime() / 1_000, owner: `${uid}${uname}:${gid}${gname}`, target: linkpath === '' ? undefined : linkpath,
            content: Buffer.concat(parts).toString('latin1'),
          });
        });
      },
    });
    parser.on('end', () => resolve());
    parser.on('error', reject);
    parser.end(archive);
  });
  return members;
}

/** Unpacks with the system's tar. */
export function unpack(archive: Buffer, folder: string): void {
  execFileSync('tar', ['-x', '--no-same-owner', '-C', folder], { input: archive, stdio: ['pipe', 'ignore', 'pipe'], maxBuffer: 2 ** 30 });
}
