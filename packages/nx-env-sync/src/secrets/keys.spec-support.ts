/** A workspace with keys of its own: no test looks at those of the person who runs it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { newKeyPair, type KeyPair } from './age.js';

export interface KeyWorkspace {
  readonly root: string;
  /** Variables without a trace of the machine's own: its XDG_CONFIG_HOME is a folder of the test. */
  readonly variables: NodeJS.ProcessEnv;
  readonly write: (files: Readonly<Record<string, string | Uint8Array | object>>) => void;
  readonly read: (path: string) => string;
  readonly exists: (path: string) => boolean;
  /** Every file below the folder, relative to it. */
  readonly files: () => string[];
}

/** Made before each test and removed after it. */
export function keyWorkspace(): KeyWorkspace {
  let base = '';
  const variables: NodeJS.ProcessEnv = {};
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), 'env-keys-'));
    mkdirSync(join(base, 'w'));
    for (const name of Object.keys(variables)) delete variables[name];
    Object.assign(variables, { PATH: process.env['PATH'], HOME: join(base, 'home'), XDG_CONFIG_HOME: join(base, 'config') });
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));
  const root = (): string => join(base, 'w');
  return {
    get root() { return root(); },
    variables,
    write: (files) => {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(root(), path)), { recursive: true });
        writeFileSync(join(root(), path), typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content));
      }
    },
    read: (path) => readFileSync(join(root(), path), 'utf8'),
    exists: (path) => existsSync(join(root(), path)),
    files: () => readdirSync(base, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)),
  };
}

/** Two keys, made once: what is tested is not their making. */
export function keyPairs(): { readonly ours: KeyPair; readonly theirs: KeyPair } {
  const pairs: { ours?: KeyPair; theirs?: KeyPair } = {};
  beforeAll(async () => {
    [pairs.ours, pairs.theirs] = await Promise.all([newKeyPair(), newKeyPair()]);
  });
  return {
    get ours() { return pairs.ours!; },
    get theirs() { return pairs.theirs!; },
  };
}
