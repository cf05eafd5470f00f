import { printAnswer } from '../../commands/answer.js';
import { render } from '../../commands/render.js';
import { environmentOf, placeOf, type TaskContext } from '../task.js';

export interface RenderOptions {
  readonly template: string;
  readonly outputFile: string;
  /** Default: the name of the configuration the task runs with. */
  readonly environment?: string;
  readonly secrets?: boolean;
  readonly check?: boolean;
  readonly json?: boolean;
}

/** Executor `nx-env-sync:render`: fills a configuration file in with the values of an environment. */
export default function renderExecutor({ environment, json, ...options }: RenderOptions, context: TaskContext): Promise<{ success: boolean }> {
  return printAnswer(json, async () => render({ ...options, environment: await environmentOf(environment, context, '--configuration=<environment>') }, placeOf(context)));
}
