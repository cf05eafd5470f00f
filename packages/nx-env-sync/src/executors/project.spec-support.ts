/** An executor as Nx runs it, in a workspace of its own, with all that it prints. */
import { keyWorkspace, type KeyWorkspace } from '../secrets/keys.spec-support.js';
import type { TaskContext } from './task.js';

export interface TestProject extends KeyWorkspace {
  /** Runs the executor for the project `api` in apps/api. */
  readonly run: <O>(executor: (options: O, context: TaskContext) => Promise<{ success: boolean }>, options: O, configuration?: string) => Promise<boolean>;
  /** What was printed since the test began, or since it was last asked for. */
  readonly printed: () => string;
  /** All that was printed in the test. */
  readonly everything: () => string;
}

export function testProject(): TestProject {
  const place = keyWorkspace();
  let [printed, everything] = ['', ''];
  let before: NodeJS.ProcessEnv = {};
  beforeEach(() => {
    [printed, everything] = ['', ''];
    before = process.env;
    process.env = place.variables;
    for (const stream of [process.stdout, process.stderr]) {
      jest.spyOn(stream, 'write').mockImplementation((text) => {
        printed += String(text);
        everything += String(text);
        return true;
      });
    }
  });
  afterEach(() => {
    jest.restoreAllMocks();
    process.env = before;
  });
  return Object.assign(place, {
    run: async <O>(executor: (options: O, context: TaskContext) => Promise<{ success: boolean }>, options: O, configurationName?: string): Promise<boolean> => {
      const projectsConfigurations = { version: 2, projects: { api: { root: 'apps/api' } } };
      return (await executor(options, { root: place.root, projectName: 'api', targetName: 'env', projectsConfigurations, ...(configurationName === undefined ? {} : { configurationName }) })).success;
    },
    printed: () => {
      const text = printed;
      printed = '';
      return text;
    },
    everything: () => everything,
  });
}
