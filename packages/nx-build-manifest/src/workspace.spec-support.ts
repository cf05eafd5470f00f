/** A folder with files for a spec, removed after it. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface TestWorkspace {
  /** Absolute; valid while a test runs. */
  readonly root: string;
  write(files: Readonly<Record<string, string | object>>): void;
}

/** A fresh one for each test. */
export function testWorkspace(): TestWorkspace {
  let root = '';
  beforeEach(() => { root = realpathSync(mkdtempSync(join(tmpdir(), 'build-manifest-'))); });
  afterEach(() => { rmSync(root, { recursive: true, force: true }); });
  return {
    get root() { return root; },
    write(files) {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(root, path)), { recursive: true });
        writeFileSync(join(root, path), typeof content === 'string' ? content : JSON.stringify(content));
      }
    },
  };
}

/** What was written to standard output while `run` ran, and its result. */
export async function printedBy<Result>(run: () => Promise<Result>): Promise<{ readonly result: Result; readonly printed: string }> {
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
