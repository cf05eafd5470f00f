/** What a reader of the README is shown of a real run: commands, and of their output what nx-deploy says at the end. */

interface Shown {
  readonly command: string;
  readonly lines: readonly string[];
}

export class Transcript {
  private readonly shown: Shown[] = [];

  /** @param output all that the command printed; Nx's own lines around what nx-deploy says are left out */
  add(command: string, output: string): void {
    this.shown.push({ command, lines: closingLines(output) });
  }

  /** As it stands in the README, between the fences. */
  get text(): string {
    return `${this.shown.map(({ command, lines }) => [`$ ${command}`, ...lines].join('\n')).join('\n\n')}\n`;
  }
}

/** First lines of what is said at the end of a command; the lines below them are indented. */
const CLOSING = /^(?:deployed|built|rolled back|environment \S+ of|\S+: \S+deploy\.json|CREATE |UPDATE )/;

function closingLines(output: string): string[] {
  const found: string[] = [];
  let within = false;
  for (const line of output.replace(/\r/g, '').split('\n')) {
    within = CLOSING.test(line) || (within && line.startsWith('  '));
    if (within) found.push(line);
  }
  return found;
}

/** What tasks say that ran beside each other, in an order that is always the same. */
function ordered(shown: string): string {
  const [command = '', ...parts] = shown.split(/\n(?! {2}|$)/);
  return [command, ...parts.sort()].join('\n');
}

/** What differs from run to run is the same in all: times, sizes, digests, names of releases and ports, and the order of tasks. */
export function normalised(text: string): string {
  return text.trimEnd().split('\n\n').map(ordered).join('\n\n')
    .replace(/\br[0-9a-f]{12}\b/g, '<release>')
    .replace(/\bsha256:[0-9a-f]{64}\b/g, '<digest>')
    .replace(/^( {2}ledger +)[0-9a-f]{16}$/gm, '$1<ledger>')
    .replace(/\b127\.0\.0\.1:\d+/g, '127.0.0.1:<port>')
    .replace(/--listen=\d+/g, '--listen=<port>')
    .replace(/\b\d+(?:\.\d+)? ?(?:B|kB|MB|GB)\b/g, '<size>')
    .replace(/[+-]<size>/g, '<size>')
    .replace(/\b\d+(?:\.\d+)?(?:ms|s)\b/g, '<time>')
    .replace(/\b\d+ seen\b/g, '<n> seen');
}

const START = '<!-- what a stranger sees: written by e2e/stranger.way.e2e.spec.ts -->';

/** The fenced block behind the mark; throws where there is none. */
export function shownIn(readme: string): string {
  const [, after] = readme.split(`${START}\n\n\`\`\`\n`, 2);
  const [block] = after?.split('```\n', 1) ?? [];
  if (block === undefined) throw new Error('the README has no block of what a stranger sees');
  return block;
}

export function withShown(readme: string, text: string): string {
  const before = shownIn(readme);
  return readme.replace(`${START}\n\n\`\`\`\n${before}`, () => `${START}\n\n\`\`\`\n${text}`);
}
