import { askGit } from './git.js';
import { printable } from './printable.js';

export interface CommitLine {
  /** The first 12 digits of the commit's id. */
  readonly hash: string;
  /** First line of the message: printable ASCII, at most 200 characters. */
  readonly subject: string;
}

/** At most this many commits are listed. */
export const MOST_COMMITS = 50;

/**
 * What a deploy brings: the commits that `to` has and `from` has not, newest first, at most 50. All of the repository,
 * since a change of a library changes the services that use it.
 *
 * @param from id of a commit, 7 to 64 hexadecimal digits; so is `to`
 * @param projectRoot any folder in the repository
 * @returns undefined when git cannot tell, such as for a commit outside of a shallow clone
 * @throws TypeError for an id that is none
 */
export async function commitsBetween(from: string, to: string, projectRoot: string): Promise<readonly CommitLine[] | undefined> {
  for (const id of [from, to]) {
    if (!/^[0-9a-f]{7,64}$/.test(id)) throw new TypeError('a commit id has 7 to 64 hexadecimal digits');
  }
  const format = ['log', '--no-show-signature', '--no-color', `--max-count=${MOST_COMMITS}`, '--format=%H %s', '-z'];
  const answer = await askGit(projectRoot, [...format, `${from}..${to}`, '--']);
  return answer?.exitCode !== 0 ? undefined : answer.output.split('\0').filter((line) => line !== '').map((line) => {
    const [hash = '', ...words] = line.split(' ');
    return { hash: hash.slice(0, 12), subject: printable(words.join(' ')) };
  });
}
