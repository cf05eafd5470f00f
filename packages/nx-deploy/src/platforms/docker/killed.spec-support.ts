/** A walker's program for an engine that ends itself by SIGKILL at a given write of its record. Bundled by the tests, never shipped. */
import { appendFileSync } from 'node:fs';
import { dockerTask, type DockerOrder } from '../../control/docker-task.js';
import type { Kill } from '../../walker/killed.spec-support.js';
import { walkerProgram } from '../../walker/program.js';
import { die, recorded, type Step } from '../../walker/recorded.spec-support.js';

export type KilledOrder = DockerOrder & { readonly kill: Kill };

function stepOf({ at, when, steps }: Kill): Step {
  let count = 0;
  return async (label, write) => {
    count += 1;
    const now = count === at;
    appendFileSync(steps, `${count} ${label}\n`);
    if (now && when === 'before') await die();
    const written = await write();
    if (now && when === 'after') await die();
    if (now && typeof when === 'number') setTimeout(() => void die(), when);
    return written;
  };
}

walkerProgram((value) => {
  const { kill, ...order } = value as KilledOrder;
  const task = dockerTask(order);
  return {
    ...task,
    async open(cancel, emit) {
      const opened = await task.open(cancel, emit);
      return { ...opened, platform: { ...opened.platform, state: recorded(opened.platform.state, stepOf(kill)) } };
    },
  };
});
