import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TlsSettings } from '../http/exchange.js';
import { flag, line } from './values.js';

export const tlsShape = {
  ca: line('a path', { description: 'File with certificates of authorities in PEM, instead of those that Node knows.', examples: ['certificates/ca.pem'] }).optional(),
  verify: flag({ description: 'false: any certificate will do.' }).prefault(true),
};

/** Reads the file each time: it may be renewed while a monitor runs. */
export async function authorities({ ca, verify }: { readonly ca: string | undefined; readonly verify: boolean }, folder: string): Promise<TlsSettings> {
  return { verify, ...(ca === undefined ? {} : { ca: [await readFile(resolve(folder, ca), 'utf8')] }) };
}
