/** A workspace of files in a temporary folder, a git repository where the test wants one. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface TestWorkspace {
  readonly root: string;
  readonly write: (files: Readonly<Record<string, string | Uint8Array | object>>) => void;
  readonly read: (path: string) => string;
  readonly exists: (path: string) => boolean;
  /** Every file below the folder but git's own, relative to it, sorted. */
  readonly files: () => string[];
  /** Makes it a repository that tracks the paths. */
  readonly track: (...paths: readonly string[]) => void;
}

/** Made before each test and removed after it. */
export function testWorkspace(): TestWorkspace {
  let root = '';
  beforeEach(() => { root = realpathSync(mkdtempSync(join(tmpdir(), 'env-sync-'))); });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const git = (...args: readonly string[]): void => void execFileSync('git', args, { cwd: root, stdio: 'ignore' });
  return {
    get root() { return root; },
    write: (files) => {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content));
      }
    },
    read: (path) => readFileSync(join(root, path), 'utf8'),
    exists: (path) => existsSync(join(root, path)),
    files: () => readdirSync(root, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)).filter((path) => !path.startsWith('.git/')).sort(),
    track: (...paths) => {
      git('init', '-q');
      git('add', '-f', '--', ...paths);
    },
  };
}

/** Runs what prints to standard output, and gives what it printed. */
export async function printedBy<T>(run: () => Promise<T>): Promise<{ readonly result: T; readonly printed: string }> {
  let printed = '';
  const spy = jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    printed += String(text);
    return true;
  });
  try {
    const result = await run();
    return { result, printed };
  } finally {
    spy.mockRestore();
  }
}
