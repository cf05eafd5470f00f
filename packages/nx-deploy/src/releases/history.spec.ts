import fc from 'fast-check';
import { history, lastSucceeded, previousRelease } from './history.js';
import type { Action, LedgerEntry, LedgerOutcome } from './state-store.js';

type Past = readonly (readonly [Action, string, LedgerOutcome?])[];

function ledger(past: Past): readonly LedgerEntry[] {
  return past.flatMap(([action, release, outcome = 'done'], index): LedgerEntry[] => {
    const common = { run: String(index), action, release, at: '', actor: { user: '', host: '', pid: 1 }, schema: 1, prev: '', hash: '' } as const;
    return [
      { ...common, kind: 'start', strategy: 'rolling', processes: {}, seq: 2 * index + 1 },
      { ...common, kind: 'end', outcome, durationMs: 0, seq: 2 * index + 2 },
    ];
  });
}

const previous = (...past: Past): string | undefined => previousRelease(history(ledger(past)));

describe('history', () => {
  it('is empty at first', () => {
    expect(history([])).toEqual({ releases: [], current: -1 });
    expect(previous()).toBeUndefined();
    expect(previous(['deploy', 'A'])).toBeUndefined();
  });

  it('goes one further back with each rollback', () => {
    expect(previous(['deploy', 'A'], ['deploy', 'B'], ['deploy', 'C'])).toBe('B');
    expect(previous(['deploy', 'A'], ['deploy', 'B'], ['deploy', 'C'], ['rollback', 'B'])).toBe('A');
    expect(previous(['deploy', 'A'], ['deploy', 'B'], ['deploy', 'C'], ['rollback', 'B'], ['rollback', 'A'])).toBeUndefined();
  });

  it('goes further back also when a release was deployed twice', () => {
    expect(previous(['deploy', 'X'], ['deploy', 'A'], ['deploy', 'B'], ['deploy', 'A'], ['rollback', 'B'], ['rollback', 'A'])).toBe('X');
  });

  it('goes forward to a release that was rolled back, and back again', () => {
    expect(previous(['deploy', 'A'], ['deploy', 'B'], ['rollback', 'A'], ['rollback', 'B'])).toBe('A');
  });

  it('puts a rollback to a release that a deploy cut off on top', () => {
    expect(history(ledger([['deploy', 'A'], ['deploy', 'B'], ['rollback', 'A'], ['deploy', 'C'], ['rollback', 'B']]))).toEqual({ releases: ['A', 'C', 'B'], current: 2 });
  });

  it('counts a deploy of what is current as no new release, and what failed not at all', () => {
    expect(history(ledger([['deploy', 'A'], ['deploy', 'A'], ['deploy', 'B', 'restored'], ['deploy', 'C', 'not-restored']])))
      .toEqual({ releases: ['A'], current: 0 });
  });

  it('behaves as the undo history of an editor', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ do: fc.constant('deploy' as const), release: fc.constantFrom('A', 'B', 'C', 'D') }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('undo' as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('fail' as const), release: fc.constantFrom('A', 'B', 'C', 'D') }) },
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const stack: string[] = [];
      const past: [Action, string, LedgerOutcome][] = [];
      for (const taken of steps) {
        if (taken.do === 'deploy') {
          if (stack.at(-1) !== taken.release) stack.push(taken.release);
          past.push(['deploy', taken.release, 'done']);
        } else if (taken.do === 'fail') {
          past.push(['deploy', taken.release, 'restored']);
        } else {
          const target = previous(...past);
          expect(target).toBe(stack.at(-2));
          if (target === undefined) continue;
          stack.pop();
          past.push(['rollback', target, 'done']);
        }
        const now = history(ledger(past));
        expect(now.releases.slice(0, now.current + 1)).toEqual(stack);
      }
    }), { numRuns: 500 });
  });
});

describe('lastSucceeded', () => {
  it('names each release once, newest first', () => {
    const entries = ledger([['deploy', 'A'], ['deploy', 'B'], ['deploy', 'C', 'restored'], ['deploy', 'A'], ['deploy', 'D']]);
    expect(lastSucceeded(entries, 2)).toEqual(['D', 'A']);
    expect(lastSucceeded(entries, 9)).toEqual(['D', 'A', 'B']);
    expect(lastSucceeded(entries, 0)).toEqual([]);
  });
});
