import type * as ports from '../../agent/ports.js';
import { describeClock } from '../contract/faults/clock.js';
import type { Foreign } from '../contract/faults/harness.js';
import { describeHooks } from '../contract/faults/hooks.js';
import { foreignProgram } from '../contract/faults/observe.js';
import { describePorts } from '../contract/faults/ports.js';
import { describeServices } from '../contract/faults/services.js';
import { describeTogether } from '../contract/faults/together.js';
import { localSubject } from './subject.spec-support.js';

/** Told of each port that was found free, before whoever asked is. */
let mockFound: ((port: number) => Promise<void>) | undefined;
jest.mock('../../agent/ports.js', () => {
  const actual = jest.requireActual<typeof ports>('../../agent/ports.js');
  return { ...actual, isFree: async (...asked: Parameters<typeof actual.isFree>) => {
    const free = await actual.isFree(...asked);
    if (free) await mockFound?.(asked[0]);
    return free;
  } };
});

/** The last look at a port is that of the instance which is about to start there; picking it goes another way. */
function snatchPort(): { readonly taken: Promise<Foreign>; release(): void } {
  let foreign: Promise<Foreign> | undefined;
  const taken = new Promise<Foreign>((resolve) => {
    mockFound = async (port) => {
      mockFound = undefined;
      foreign = foreignProgram(port);
      resolve(await foreign);
    };
  });
  return { taken, release: () => {
    mockFound = undefined;
    void foreign?.then((program) => program.end());
  } };
}

const subject = localSubject({ snatchPort });
describeClock(subject);
describePorts(subject);
describeTogether(subject);
describeServices(subject);
describeHooks(subject);
