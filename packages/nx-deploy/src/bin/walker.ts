/** The program of a walker outside the agent, for the local platform. */
import { localTask, type LocalOrder } from '../control/local-task.js';
import { walkerProgram } from '../walker/program.js';

walkerProgram((order) => localTask(order as LocalOrder));
