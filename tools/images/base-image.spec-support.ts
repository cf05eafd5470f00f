import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBaseImage, OWN_PLATFORM, type BaseImage } from './base-image.js';

/** The base image for a spec: made once for a whole run where `NX_DEPLOY_TEST_IMAGES` names a folder, else for this file. To be called in `beforeAll` or in a test. */
export async function baseImageForTests(platforms: readonly string[] = [OWN_PLATFORM]): Promise<{ readonly base: BaseImage; readonly remove: () => void }> {
  const shared = process.env['NX_DEPLOY_TEST_IMAGES'];
  if (shared !== undefined && shared !== '') return { base: await makeBaseImage(join(shared, platforms.join('+').replaceAll('/', '-')), platforms), remove: () => undefined };
  const folder = mkdtempSync(join(tmpdir(), 'base-image-'));
  return { base: await makeBaseImage(folder, platforms), remove: () => rmSync(folder, { recursive: true, force: true }) };
}
