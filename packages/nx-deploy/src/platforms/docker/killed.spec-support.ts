/** A walker's program for an engine that ends itself by SIGKILL at a given write of its record. Bundled by the tests, never shipped. */
import { dockerTask, type DockerOrder } from '../../control/docker-task.js';
import { walkerProgram } from '../../walker/program.js';
import { killing, type Kill } from '../../walker/recorded.spec-support.js';

export type KilledOrder = DockerOrder & { readonly kill: Kill };

walkerProgram((value) => {
  const { kill, ...order } = value as KilledOrder;
  const task = dockerTask(order);
  return {
    ...task,
    async open(cancel, emit) {
      const opened = await task.open(cancel, emit);
      return { ...opened, platform: { ...opened.platform, state: killing(opened.platform.state, kill) } };
    },
  };
});
