/** Hooks without an end, of output or of time. */
import { readFileSync } from 'node:fs';
import type { PreparedHook } from '../../../hooks/run-hooks.js';
import type { DeployEvent } from '../../../model/index.js';
import type { FaultSubject } from './harness.js';
import { eventually, expectFleet, inPlace, SEED, SOAK, steady, underTraffic, withStrategies } from './observe.js';

const MEGABYTES = SOAK ? 1_000 : 100;
/** What the process that reads it may grow by, in bytes: a fraction of the output. */
const GROWTH = 80 * 1024 * 1024;
/** Characters of a line that are passed on, and what says that there were more. */
const LINE = 2_010;
/** Lines that are passed on. */
const SHOWN = 200;

const hook = (program: string, timeout = 60_000): PreparedHook => ({ run: [process.execPath, '-e', program], env: {}, timeout, cwd: '/' });

const POUR = `
const line = process.argv[1] === 'one line' ? 'x'.repeat(65536) : ('y'.repeat(99) + '\\n').repeat(655);
let left = ${MEGABYTES} * 16;
const pour = () => { if ((left -= 1) >= 0) process.stdout.write(line, pour); };
pour();
`;

export function describeHooks(subject: FaultSubject): void {
  describe(`${subject.name}: a hook (NX_DEPLOY_SEED=${SEED})`, () => {
    test.each(withStrategies([['many lines'], ['one line']]))(`%s, that prints ${MEGABYTES} MB, %s: memory stays bounded, and what is left out is told`, (strategy, shape) => inPlace(subject, { apart: true }, async (place) => {
      const service = place.service('hooks');
      await service.deploy(steady(strategy, '1'));
      const pid = await place.pid();
      const before = peakOf(pid);
      const events: DeployEvent[] = [];
      const pouring = hook(POUR);
      const order = steady(strategy, '2', { before: [{ ...pouring, run: [...pouring.run, shape] }], watch: (event) => void events.push(event) });
      await underTraffic(service, strategy, async (traffic) => {
        expect(await traffic.during(() => service.deploy(order))).toMatchObject({ outcome: 'done' });
      });
      const output = events.flatMap((event) => (event.type === 'output' ? [event.line] : []));
      expect(output.length).toBeGreaterThan(0);
      expect(output.length).toBeLessThanOrEqual(SHOWN);
      expect(Math.max(...output.map((line) => line.length))).toBeLessThanOrEqual(LINE);
      const notes = events.flatMap((event) => (event.type === 'note' ? [event.text] : [])).join('\n');
      if (shape === 'one line') expect(output).toEqual([expect.stringMatching(/^x+ \[cut\]$/)]);
      else expect(notes).toMatch(/preDeploy: \d{4,} more lines of output are not shown/);
      const grown = peakOf(pid) - before;
      process.stdout.write(`a hook that prints ${MEGABYTES} MB (${shape}): the agent's peak memory grew by ${Math.round(grown / 1024 / 1024)} MB\n`);
      expect(grown).toBeLessThan(GROWTH);
    }), 120_000);

    test.each(withStrategies([['time out'], ['cancel']]))('%s, that never ends: %s takes the deploy back, and no process is left', (strategy, way) => inPlace(subject, {}, async (place) => {
      const service = place.service('hooks');
      const { release } = await service.deploy(steady(strategy, '1'));
      const cancel = new AbortController();
      // Its child ignores what can be ignored.
      const endless = hook(`
        require('node:child_process').spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); console.log("endless"); setInterval(() => {}, 1000)', ${JSON.stringify(place.folder)}], { stdio: 'inherit' });
        setInterval(() => {}, 1000);
      `, way === 'cancel' ? 60_000 : 700);
      const watch = (event: DeployEvent): void => { if (way === 'cancel' && event.type === 'output') cancel.abort(); };
      for (const position of ['before', 'after'] as const) {
        await underTraffic(service, strategy, async (traffic) => {
          const result = await traffic.during(() => service.deploy(steady(strategy, `2 ${position}`, { [position]: [endless], watch, signal: cancel.signal })));
          expect(result).toMatchObject({ outcome: 'restored', error: { code: expect.stringMatching(/^ND-(HOOK-FAILED|CANCELLED)$/) } });
          expect(result.durationMs).toBeLessThan(15_000);
          await expectFleet(service, release);
        });
        if (way === 'cancel') break;
      }
      await eventually(() => !place.processes().some((command) => command.includes('endless')), 'the hook to be gone');
    }), 60_000);
  });
}

/** Bytes of memory that the process had at most. */
function peakOf(pid: number): number {
  const [, kilobytes = '0'] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) * 1024;
}
