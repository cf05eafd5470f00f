/** An executor as a program of its own that ends itself by SIGKILL at a write. The product has no switch for it. */
import { spawn } from 'node:child_process';
import { build } from 'esbuild';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What others can see of a change: names that come and go. */
const VERBS = ['rename', 'link', 'rm'];

export interface KillProgram {
  /** Runs it in the workspace; killed before the n-th write, counted from 1, where it has so many. What was there after a write is there before the next one. */
  readonly run: (root: string, write: number) => Promise<'killed' | 'done' | 'failed'>;
}

export async function killProgram(folder: string, options: object, variables: NodeJS.ProcessEnv, executor = join(__dirname, 'executor.ts')): Promise<KillProgram> {
  const [bundle, program] = [join(folder, 'executor.cjs'), join(folder, 'program.cjs')];
  await build({ entryPoints: [executor], outfile: bundle, bundle: true, platform: 'node', format: 'cjs', mainFields: ['module', 'main'], logLevel: 'error' });
  writeFileSync(program, `
    const files = require('node:fs/promises');
    const [, , root, write] = process.argv;
    let count = 0;
    for (const verb of ${JSON.stringify(VERBS)}) {
      const real = files[verb];
      files[verb] = async (...given) => {
        count += 1;
        if (count === Number(write)) process.kill(process.pid, 'SIGKILL');
        return real(...given);
      };
    }
    const context = { root, projectName: 'api', projectsConfigurations: { version: 2, projects: { api: { root: 'apps/api' } } } };
    require(${JSON.stringify(bundle)}).default(${JSON.stringify(options)}, context).then(({ success }) => { process.exitCode = success ? 0 : 1; });
  `);
  return {
    run: (root, write) => new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [program, root, String(write)], { env: variables, stdio: 'ignore' });
      child.on('error', reject);
      child.on('exit', (code, signal) => resolve(signal === 'SIGKILL' ? 'killed' : code === 0 ? 'done' : 'failed'));
    }),
  };
}
