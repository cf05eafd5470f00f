import { resolve } from 'node:path';
import { EnvSyncError } from '../errors.js';
import { shownPath } from '../files/paths.js';
import { LARGEST_FILE } from '../read-file.js';
import { dotenvxArgv, sopsArgv } from '../shell/readers.js';
import { runProgram } from '../shell/run-program.js';
import { parseOutput } from './command-store.js';
import { revisionOf, type EnvStore, type StoreQuery } from './store.js';
import type { StoreDefinition } from './stores-file.js';

type FileDefinition = Extract<StoreDefinition, { type: 'sops' | 'dotenvx' }>;

const TIMEOUT = 60_000;
const READERS = {
  sops: { argv: sopsArgv, home: 'https://github.com/getsops/sops' },
  dotenvx: { argv: dotenvxArgv, home: 'https://dotenvx.com' },
} as const;

/** A file of SOPS or dotenvx, read by its own program with the keys that this finds; never written. Everything in it is secret. */
export function programFileStore(name: string, { type, file }: FileDefinition, query: StoreQuery): EnvStore {
  const { argv, home } = READERS[type];
  const path = resolve(query.workspaceRoot, file.replaceAll('{environment}', query.environment));
  return {
    name,
    async read() {
      const end = await runProgram({ argv: argv(path), cwd: query.workspaceRoot, variables: query.variables, timeout: TIMEOUT, largest: LARGEST_FILE });
      if (end.state === 'failed') {
        const missing = end.what === 'was not found';
        throw new EnvSyncError('failed', {
          what: `the program ${type} that reads ${name} ${end.what}`, where: shownPath(path, query.workspaceRoot),
          next: missing ? `install it (${home}), or read the environment from another store` : `run "${type}" on the file by hand to see what it says: what it wrote is shown nowhere, since it can hold values`,
        });
      }
      // What dotenvx encrypts for stands in its files too, and is no variable of the environment.
      const values = new Map([...parseOutput(end.output, 'json', name)].filter(([key]) => type !== 'dotenvx' || !key.startsWith('DOTENV_PUBLIC_KEY')));
      return { values, secrets: new Set(values.keys()), sources: new Map(), revision: revisionOf([...values]) };
    },
  };
}
