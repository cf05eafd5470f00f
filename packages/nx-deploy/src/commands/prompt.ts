import { createInterface } from 'node:readline/promises';

/** Resolves with what was typed; undefined where nobody can be asked. */
export type Ask = (question: string) => Promise<string | undefined>;

export interface Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean };
}

/** Asks a person. Without a terminal on both sides, and at its end (Ctrl-D), the answer is undefined. */
export async function askOnTerminal(question: string, { stdin, stdout }: Terminal = process): Promise<string | undefined> {
  if (stdin.isTTY !== true || stdout.isTTY !== true) return undefined;
  const lines = createInterface({ input: stdin, output: stdout });
  try {
    return await new Promise<string | undefined>((resolve) => {
      lines.once('close', () => resolve(undefined));
      lines.question(question).then(resolve, () => resolve(undefined));
    });
  } finally {
    lines.close();
  }
}
