/** What is said of a file that is there with other content than a generator would write. */
import { sanitize } from '../terminal/index.js';

export function difference(file: string, present: string, content: string): readonly string[] {
  const [theirs, ours] = [present.split('\n'), content.split('\n')];
  return [
    `${file} is there with other content, and is left as it is.`,
    ...theirs.filter((line) => !ours.includes(line)).map((line) => `  there:   ${sanitize(line)}`),
    ...ours.filter((line) => !theirs.includes(line)).map((line) => `  written: ${sanitize(line)}`),
    'Put the lines that you want into the file, or move it away and run this again to have it written anew.',
  ];
}
