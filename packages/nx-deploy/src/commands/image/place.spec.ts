import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import fc from 'fast-check';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import type { ProjectContext } from '../context.js';
import { imagePlace, replaceFile, writeError } from './place.js';

const everything = temporaryFolder('image-places');
const context = (projectRoot: string, projectName = 'api', workspaceRoot = '/w'): ProjectContext => ({ workspaceRoot, projectRoot, projectName, variables: {} } as ProjectContext);

describe('the place of an image', () => {
  it('is below dist, in the folder of the project', () => {
    expect(imagePlace(context('apps/api'))).toEqual({ layout: '/w/dist/images/apps/api/image', document: '/w/dist/images/apps/api/image.json', run: '/w/dist/image-runs/apps/api.json' });
    expect(imagePlace(context('.', 'shop')).layout).toBe('/w/dist/images/shop/image');
  });

  it.each([
    ['libs/image', 'libs/_image'], ['libs/_image', 'libs/__image'], ['a/image/image.json/b', 'a/_image/_image.json/b'], ['a/Image', 'a/_Image'], ['image', 'image'], ['a/images', 'a/images'],
  ])('of %s is not within that of another project', (projectRoot, folder) => {
    expect(imagePlace(context(projectRoot)).layout).toBe(`/w/dist/images/${folder}/image`);
  });

  it('is never that of another project, nor within it', () => {
    const part = fc.oneof(fc.constantFrom('image', '_image', '__image', 'image.json', 'a', 'b'), fc.stringMatching(/^[a-z_.]{1,4}$/).filter((name) => !/^\.+$/.test(name)));
    const root = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    fc.assert(fc.property(root, root, (one, other) => {
      fc.pre(one !== other);
      const outputs = ({ layout, document }: ReturnType<typeof imagePlace>): string[] => [layout, document];
      for (const mine of outputs(imagePlace(context(one)))) {
        for (const its of outputs(imagePlace(context(other)))) {
          const way = relative(mine, its);
          expect(way === '' || !way.startsWith('..')).toBe(false);
        }
      }
    }), { numRuns: 500 });
  });

  it.each(['..', 'a/../b', '', '.', 'a//b', 'a\\..'])('is none for the workspace itself when its name is %j', (name) => {
    expect(() => imagePlace(context('.', name))).toThrow(expect.objectContaining({ code: 'ND-OPTION-INVALID', parts: expect.objectContaining({ what: expect.stringContaining('cannot be the name of a folder') }) }));
  });

  it('is refused where the workspace itself and a project in it would share it', () => {
    const root = mkdtempSync(join(everything, 'workspace-'));
    mkdirSync(join(root, 'shop'));
    expect(imagePlace(context('.', 'shop', root)).layout).toBe(join(root, 'dist/images/shop/image'));
    writeFileSync(join(root, 'shop/deploy.json'), '{}');
    expect(() => imagePlace(context('.', 'shop', root))).toThrow(expect.objectContaining({ code: 'ND-OPTION-INVALID', parts: expect.objectContaining({ why: 'there is a project in the folder "shop", too' }) }));
  });
});

describe('a file that is replaced', () => {
  it('has the new text as a whole, and what killed processes left beside it is gone', async () => {
    const file = join(mkdtempSync(join(everything, 'files-')), 'deep/image.json');
    await replaceFile(file, 'one');
    // No process has this number: it is larger than the largest.
    const left = ['.image.json.999999999.a.tmp', '.image.json.none.tmp'];
    const kept = [`.image.json.${process.ppid}.b.tmp`, '.image.json.1.c.tmp', '.other.999999999.a.tmp'];
    for (const name of [...left, ...kept]) writeFileSync(join(dirname(file), name), 'half');
    await replaceFile(file, 'two');
    expect(readFileSync(file, 'utf8')).toBe('two');
    expect(readdirSync(dirname(file)).sort()).toEqual([...kept, 'image.json'].sort());
  });

  it('stays as it was, with an error that says what to do, when it cannot be', async () => {
    const folder = mkdtempSync(join(everything, 'files-'));
    mkdirSync(join(folder, 'image.json'));
    await expect(replaceFile(join(folder, 'image.json'), 'x')).rejects.toMatchObject({ code: 'ND-IMAGE-STORE', parts: { why: expect.stringMatching(/^E/) } });
    expect(readdirSync(folder)).toEqual(['image.json']);
    writeFileSync(join(folder, 'file'), '');
    await expect(replaceFile(join(folder, 'file/image.json'), 'x')).rejects.toMatchObject({ code: 'ND-IMAGE-STORE' });
  });

  it('tells errors that are not of the system as they are', () => {
    const own = new Error('own');
    expect(writeError(own, 'f')).toBe(own);
    expect(writeError(Object.assign(new Error(), { code: 'ENOENT' }), 'f')).toMatchObject({ parts: { why: 'its folder does not exist' } });
    expect(writeError(Object.assign(new Error(), { code: 'ENOSPC' }), 'f')).toMatchObject({ code: 'ND-DISK-FULL' });
  });
});
