/** The program of a walker outside the agent. The order says for which platform. */
import { dockerTask, isDockerOrder } from '../control/docker-task.js';
import { localTask, type LocalOrder } from '../control/local-task.js';
import { walkerProgram } from '../walker/program.js';

walkerProgram((order) => (isDockerOrder(order) ? dockerTask(order) : localTask(order as LocalOrder)));
