/** A shell on a terminal of its own, as a person sits before it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { stripVTControlCharacters } from 'node:util';

export interface TerminalPlace {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const PROMPT = 'ready> ';
const INTERRUPT = '\x03';
/** Characters of the screen in an error: a live line is written anew several times a second. */
const SHOWN = 2_000;
/** How often Ctrl-C is pressed, and ms between. */
const PRESSES = 10;
const PATIENCE_MS = 1_000;
const DEADLINE_MS = 120_000;

/** util-linux `script` makes the terminal. */
export class Terminal {
  private readonly child: ChildProcess;
  private readonly chunks: Buffer[] = [];
  private readonly timer: NodeJS.Timeout;
  private readonly ended: Promise<unknown>;
  private over = false;

  constructor({ cwd, env }: TerminalPlace) {
    this.child = spawn('script', ['--quiet', '--flush', '--command', 'bash --norc --noprofile -i', '/dev/null'], {
      cwd, env: { ...env, TERM: 'xterm', SHELL: '/bin/bash' }, stdio: ['pipe', 'pipe', 'inherit'],
    });
    // In two parts, so that the line itself does not look like a prompt.
    this.child.stdin?.write("stty cols 250; PS1='rea''dy> '\n");
    this.child.stdout?.on('data', (bytes: Buffer) => void this.chunks.push(bytes));
    // A terminal that is gone takes no more keys.
    this.child.stdin?.on('error', () => undefined);
    this.timer = setTimeout(() => this.child.kill('SIGKILL'), DEADLINE_MS);
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', () => {
        this.over = true;
        clearTimeout(this.timer);
        resolve(undefined);
      });
    });
  }

  /** What stands on the screen, without colours and movements of the cursor. */
  get screen(): string {
    return stripVTControlCharacters(Buffer.concat(this.chunks).toString('utf8')).replaceAll('\r', '');
  }

  /** Types a command; resolves when the prompt was there for it. */
  async types(...argv: readonly string[]): Promise<void> {
    await this.prompt();
    this.child.stdin?.write(`${argv.map(quoted).join(' ')}\n`);
    const before = this.screen.length;
    await this.until('the line to be read', () => this.screen.length > before);
  }

  /** Presses Ctrl-C, as a person does until something happens: Nx, which hands keys on to the task's own terminal, does not hand on every one. */
  async interrupt(answer: RegExp): Promise<void> {
    for (let pressed = 1; ; pressed += 1) {
      this.child.stdin?.write(INTERRUPT);
      try {
        await this.prints(answer, PATIENCE_MS);
        return;
      } catch (error) {
        if (this.over || pressed === PRESSES) throw error;
      }
    }
  }

  /** Resolves with how the command before ended, which a shell tells only when its prompt is back. */
  async exitCode(): Promise<number> {
    await this.prompt();
    this.child.stdin?.write('echo "left=$?"\n');
    await this.prints(/^left=\d+$/m);
    return Number(/^left=(\d+)$/m.exec(this.screen)?.[1]);
  }

  prints(pattern: RegExp, within = 20_000): Promise<void> {
    return this.until(String(pattern), () => pattern.test(this.screen), within);
  }

  /** The window is closed: the system tells all that run in it. */
  async close(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  private prompt(): Promise<void> {
    return this.until('the prompt', () => this.screen.endsWith(PROMPT), 15_000);
  }

  private async until(what: string, holds: () => boolean, within = 10_000): Promise<void> {
    const end = performance.now() + within;
    while (!holds()) {
      if (this.over || performance.now() > end) throw new Error(`not on the terminal: ${what}, but:\n${this.screen.slice(-SHOWN)}`);
      await sleep(20);
    }
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll('\'', '\'\\\'\'')}'`;
}
