/** Makes a layer of a folder in a process of its own and says how: `layers-alone.js <folder> <file to write>`. */
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeLayer, type Entry } from 'nx-deploy/dist/image/layer/index.js';

/** What the process prints, as JSON. */
export interface LayerFigures {
  /** ms for the listing of the folder and the layer, without Node's start. */
  readonly wall: number;
  /** Most resident memory, in bytes. */
  readonly rss: number;
}

async function main(): Promise<void> {
  const [root = '', out = ''] = process.argv.slice(2);
  const started = performance.now();
  const file = openSync(out, 'w');
  await writeLayer(entriesOf(root), (chunk) => void writeSync(file, chunk));
  closeSync(file);
  const figures: LayerFigures = { wall: performance.now() - started, rss: process.resourceUsage().maxRSS * 1024 };
  process.stdout.write(JSON.stringify(figures));
}

function entriesOf(root: string): Entry[] {
  return readdirSync(root, { recursive: true, withFileTypes: true }).flatMap((found): Entry[] => {
    const source = join(found.parentPath, found.name);
    const path = source.slice(root.length + 1);
    if (found.isSymbolicLink()) return [{ path, type: 'symlink', target: readlinkSync(source) }];
    if (!found.isFile()) return [];
    const { mode, size } = lstatSync(source);
    return [{ path, type: 'file', mode, source, size }];
  });
}

void main();
