/** What the public of a service under maintenance gets. */
import { open } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { DeployError, errorCode } from '../errors.js';

export interface PageOptions {
  /** File of the page; relative to the workspace. */
  readonly page?: string;
  /** A sentence for the page that is made otherwise. */
  readonly message?: string;
}

export interface Page {
  readonly page: string;
  readonly contentType: string;
}

/** The page is kept with the record of the service, which is written at each change of the traffic. */
export const MOST_BYTES = 256 * 1024;

const MESSAGE = 'This service is under maintenance. Please try again later.';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8', '.htm': 'text/html; charset=utf-8', '.json': 'application/json', '.txt': 'text/plain; charset=utf-8',
};

/** The file as it is now, or a page with the message. Rejects with ND-OPTION-INVALID for a file that cannot be used, and when both are given. */
export async function maintenancePage({ page, message }: PageOptions, workspaceRoot: string): Promise<Page> {
  if (page === undefined) return made(message ?? MESSAGE);
  if (message !== undefined) throw invalid('--page and --message exclude each other', 'the page says it all', 'leave one of them out');
  const file = resolve(workspaceRoot, page);
  const contentType = TYPES[extname(file).toLowerCase()];
  if (contentType === undefined) throw invalid(`--page=${page} has no ending that is known`, `it tells the type of the page: ${Object.keys(TYPES).join(', ')}`, 'rename the file');
  return { page: text(await bytesOf(file, page), page), contentType };
}

function made(message: string): Page {
  if (Buffer.byteLength(message) > MOST_BYTES) throw invalid('--message is too long', `a page has at most ${MOST_BYTES} bytes`, 'write a shorter one');
  const safe = message.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
  return {
    page: `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>Maintenance</title>\n<p>${safe}</p>\n</html>\n`,
    contentType: 'text/html; charset=utf-8',
  };
}

/** No more than what is allowed, and a byte that tells that there is more: a page may be given by mistake as something that never ends. */
async function bytesOf(file: string, given: string): Promise<Buffer> {
  const buffer = Buffer.alloc(MOST_BYTES + 1);
  let length = 0;
  try {
    const handle = await open(file, 'r');
    try {
      for (;;) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length);
        length += bytesRead;
        if (bytesRead === 0 || length === buffer.length) break;
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw invalid(`--page=${given} cannot be read`, errorCode(error) ?? String(error), 'name a file below the workspace');
  }
  if (length > MOST_BYTES) throw invalid(`--page=${given} is too large`, `a page has at most ${MOST_BYTES} bytes`, 'put its pictures elsewhere');
  return buffer.subarray(0, length);
}

function text(bytes: Buffer, given: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid(`--page=${given} is no text`, 'it is not UTF-8', 'name a page of text');
  }
}

function invalid(what: string, why: string, next: string): DeployError {
  return new DeployError('ND-OPTION-INVALID', { what, why, next });
}
