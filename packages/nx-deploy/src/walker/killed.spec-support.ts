/** A walker's program that ends itself by SIGKILL at a given write of its record. A program of its own: bundled by the tests, never shipped. */
import { localTask, type LocalOrder } from '../control/local-task.js';
import { walkerProgram } from './program.js';
import { killing, type Kill } from './recorded.spec-support.js';

export type KilledOrder = LocalOrder & { readonly kill: Kill };

walkerProgram((value) => {
  const { kill, ...order } = value as KilledOrder;
  const task = localTask(order);
  return {
    request: task.request,
    async open(cancel) {
      const opened = await task.open(cancel);
      return { ...opened, platform: { ...opened.platform, state: killing(opened.platform.state, kill) } };
    },
  };
});
