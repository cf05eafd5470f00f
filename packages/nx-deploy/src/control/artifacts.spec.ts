import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectFiles } from '../archive/collect.js';
import { openBlobStore, type CollectedFiles } from '../archive/index.js';
import { temporaryFolder } from '../shell/programs.spec-support.js';
import { artifactRef, storedArtifacts, type StoredArtifacts } from './artifacts.js';

const root = temporaryFolder('artifacts');
const HOURS = 3_600_000;
let count = 0;

interface Place {
  readonly folder: string;
  readonly stored: StoredArtifacts;
  readonly build: (files: Readonly<Record<string, string>>) => Promise<CollectedFiles>;
  readonly manifest: (digest: string) => string;
}

function place(): Place {
  const folder = join(root, String(count += 1));
  let builds = 0;
  return {
    folder,
    // Blobs as they are seen in two hours.
    stored: storedArtifacts(openBlobStore(join(folder, 'blobs'), { now: () => Date.now() + 2 * HOURS }), { blobs: join(folder, 'blobs') }),
    build: (files) => {
      const path = join(folder, `dist-${builds += 1}`);
      mkdirSync(path, { recursive: true });
      for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
      return collectFiles({ artifact: { path, include: [], entry: 'main.js' } as unknown as Parameters<typeof collectFiles>[0]['artifact'], workspaceRoot: folder });
    },
    manifest: (digest) => join(folder, 'blobs/manifests', `${digest.replace('sha256:', '')}.json`),
  };
}

const age = (file: string): void => utimesSync(file, new Date(Date.now() - 2 * HOURS), new Date(Date.now() - 2 * HOURS));

describe('storedArtifacts', () => {
  it('builds an artifact again when the workspace is gone', async () => {
    const { folder, stored, build, manifest } = place();
    const collected = await build({ 'main.js': 'main', 'a.txt': 'a' });
    const ref = await stored.store(collected);
    expect(ref).toEqual(artifactRef(collected));
    expect(ref).toMatchObject({ type: 'files', digest: collected.digest, files: 2, bytes: 5 });
    expect(readFileSync(manifest(ref.digest), 'utf8')).not.toContain(folder);
    rmSync(join(folder, 'dist-1'), { recursive: true });
    await stored.materialise(ref.digest, join(folder, 'app/r1'));
    expect(readdirSync(join(folder, 'app/r1')).sort()).toEqual(['a.txt', 'main.js']);
    expect(readFileSync(join(folder, 'app/r1/main.js'), 'utf8')).toBe('main');
  });

  it('says that an artifact is missing, and refuses a list that was changed', async () => {
    const { folder, stored, build, manifest } = place();
    await expect(stored.materialise('sha256:00', join(folder, 'app/r1'))).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING' });
    const { digest } = await stored.store(await build({ 'main.js': 'main', 'a.txt': 'a' }));
    const text = readFileSync(manifest(digest), 'utf8');
    for (const changed of [text.replace('a.txt', 'b.txt'), '', '{"schema":1}']) {
      writeFileSync(manifest(digest), changed);
      await expect(stored.materialise(digest, join(folder, 'app/r1'))).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
    }
  });

  it('removes what is old and unused, and keeps the files that others share', async () => {
    const { folder, stored, build, manifest } = place();
    await stored.prune(new Set());
    const used = await stored.store(await build({ 'main.js': 'one', shared: 'shared' }));
    const unused = await stored.store(await build({ 'main.js': 'two', shared: 'shared' }));
    const young = await stored.store(await build({ 'main.js': 'three' }));
    for (const { digest } of [used, unused]) age(manifest(digest));
    await stored.prune(new Set([used.digest]));
    await expect(stored.materialise(unused.digest, join(folder, 'app/unused'))).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING' });
    for (const { digest } of [used, young]) await stored.materialise(digest, join(folder, 'app', digest.slice(-8)));
    const blobs = readdirSync(join(folder, 'blobs/sha256'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    expect(blobs).toHaveLength(3);
  });

  it('removes nothing when a list cannot be read', async () => {
    const { stored, build, manifest } = place();
    const { digest } = await stored.store(await build({ 'main.js': 'one' }));
    writeFileSync(manifest(digest), 'rubbish');
    await expect(stored.prune(new Set([digest]))).rejects.toMatchObject({ code: 'ND-STATE-DAMAGED' });
    const elsewhere = storedArtifacts(openBlobStore(join(root, 'x')), { blobs: join(root, 'x'.repeat(300)) });
    await expect(elsewhere.prune(new Set())).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  });
});
