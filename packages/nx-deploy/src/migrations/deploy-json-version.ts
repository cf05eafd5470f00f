/** Migration of 0.2.0: a deploy.json tells the version of its format, so that an older nx-deploy refuses one that it would misread. */
import { getProjects, joinPathFragments, logger } from '@nx/devkit';
import type { Tree } from '@nx/devkit';
import { CONFIG_FILE } from '../config/load.js';
import { readDocument } from '../config/document.js';
import { addFirst } from './add-first.js';

/** That of all files which say nothing; fixed, whatever later versions of nx-deploy write. */
const VERSION = 1;

/** Every comment and space of a person stays. A file that cannot be read is left alone, and told. */
export default function writeVersion(tree: Tree): void {
  for (const { root } of getProjects(tree).values()) {
    const file = joinPathFragments(root, CONFIG_FILE);
    const text = tree.exists(file) ? tree.read(file, 'utf8') ?? '' : undefined;
    if (text === undefined) continue;
    const reading = readDocument(text);
    const value = reading.ok ? reading.document.value : undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value) || Object.keys(value).length === 0) logger.warn(`${file} is left as it is: it holds no JSON object with keys`);
    else if (!Object.hasOwn(value, 'version')) tree.write(file, addFirst(text, 'version', VERSION));
  }
}
