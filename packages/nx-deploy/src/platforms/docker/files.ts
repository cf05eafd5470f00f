/** State in a volume of an engine, by way of a keeper. */
import { randomBytes } from 'node:crypto';
import { DeployError, errorCode } from '../../errors.js';
import { asideName, readError, writeError, type StateFiles } from '../../releases/index.js';
import type { Answer, Question } from './keeper.js';

export interface KeeperAccess {
  /** For messages: `volume nx-deploy-state (docker, context prod)`. */
  readonly name: string;
  ask(question: Question): Promise<Answer>;
}

/** @param folder relative to the keeper's, '' for that itself */
export function engineFiles(access: KeeperAccess, folder = ''): StateFiles {
  const full = (path: string): string => [folder, path].filter((part) => part !== '').join('/');
  const where = (path: string): string => `${access.name}: ${full(path) === '' ? '/' : full(path)}`;
  const reading = async (operation: 'read' | 'names', path: string): Promise<Buffer | undefined> => {
    const answer = await access.ask({ operation, path: full(path) === '' ? '.' : full(path) });
    if (answer.word === 'no') throw unread(fault(answer), where(path));
    return answer.word === 'none' ? undefined : answer.content;
  };
  const writing = async (question: Question): Promise<Answer['word']> => {
    const answer = await access.ask({ ...question, path: full(question.path) });
    if (answer.word === 'no') throw unwritten(fault(answer), where(question.path));
    return answer.word;
  };
  const temporary = (path: string): string => `${full(path)}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`;
  return {
    where,
    below: (path) => engineFiles(access, full(path)),
    read: (path) => reading('read', path),
    names: async (path) => (await reading('names', path) ?? Buffer.alloc(0)).toString('latin1').split('\n').filter((name) => name !== ''),
    write: async (path, content) => { await writing({ operation: 'write', path, other: temporary(path), content: Buffer.from(content) }); },
    append: async (path, content) => { await writing({ operation: 'append', path, content: Buffer.from(content) }); },
    create: async (path, content) => await writing({ operation: 'create', path, other: temporary(path), content: Buffer.from(content) }) === 'ok',
    truncate: async (path, bytes) => { await writing({ operation: 'truncate', path, other: String(bytes) }); },
    remove: async (path) => { await writing({ operation: 'remove', path }); },
    removeTree: async (path) => { await writing({ operation: 'tree', path }); },
    setAside: async (path) => {
      const aside = asideName(path);
      await writing({ operation: 'aside', path, other: full(aside) });
      return where(aside);
    },
  };
}

/** What the programs of a shell say, in the C locale, as the codes of the system. */
const SAID: readonly (readonly [RegExp, string])[] = [
  [/no space left/i, 'ENOSPC'], [/quota exceeded/i, 'EDQUOT'], [/read-only file system/i, 'EROFS'], [/permission denied/i, 'EACCES'], [/not permitted/i, 'EPERM'],
  [/is a directory/i, 'EISDIR'], [/file exists|not a directory/i, 'ENOTDIR'], [/no such file|nonexistent/i, 'ENOENT'], [/name too long/i, 'ENAMETOOLONG'],
];

function fault({ content }: Answer): Error {
  const said = content.toString('latin1').replaceAll(/[^ -~]+/g, ' ').trim().slice(0, 300);
  return Object.assign(new Error(said), { code: SAID.find(([words]) => words.test(said))?.[1] ?? 'EIO' });
}

function unwritten(thrown: Error, where: string): unknown {
  return named(writeError(thrown, where), 'the state of the service could not be written', where);
}

function unread(thrown: Error, where: string): unknown {
  return named(readError(thrown, where), 'the state of the service could not be read', where);
}

function named(error: unknown, what: string, where: string): unknown {
  if (error instanceof DeployError || !(error instanceof Error)) return error;
  return new DeployError('ND-ENGINE-FAILED', { what, where, why: `${error.message} (${errorCode(error) ?? ''})`, next: 'look at the disk of the engine, then run the command again' }, { cause: error });
}
