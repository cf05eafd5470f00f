/** The pages of the strategies show the walks that are really made. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig, resolveEnvironment } from '../config/index.js';
import type { Observed, ObservedRelease } from '../model/index.js';
import { makePlan, type PlanRequest } from './plan.js';
import { printPlan } from './print.js';

const T = '2026-01-02T00:00:00.000Z';
const page = (name: string): string => readFileSync(join(__dirname, '../../../../docs/strategies', `${name}.md`), 'utf8');

const release = (weight: number, worker: number, until?: string): ObservedRelease => ({
  processes: { web: { running: 4, ready: 4, draining: 0 }, ...(worker === 0 ? {} : { worker: { running: worker, ready: worker, draining: 0 } }) },
  weight, ...(until === undefined ? {} : { until }),
});

function strategyOf(strategy: unknown): PlanRequest['strategy'] {
  const text = JSON.stringify({ artifact: { type: 'files' }, environments: { staging: { strategy } } });
  return resolveEnvironment({ ...parseConfig(text, '/w/deploy.json'), environment: 'staging', projectRoot: '.', workspaceRoot: '/w', projectName: 'api' }).strategy;
}

/** Cells of A and B, one row per fleet. */
function walked(strategy: unknown, from: Observed, goal: string, urgent = false): readonly (readonly string[])[] {
  const plan = makePlan({
    platform: { name: 'local', can: ['overlap', 'split'] }, strategy: strategyOf(strategy), from, urgent, drift: [], now: () => new Date('2026-01-01T00:00:00Z'),
    to: { [goal]: { processes: { web: { fixed: 4 }, worker: { fixed: 2 } }, weight: 100 } },
  });
  const [, , , head = [], ...rows] = printPlan(plan).split('\n').map((line) => line.split(/ {2,}/));
  return rows.map((row) => ['A', 'B'].map((name) => (row[head.indexOf(name)] ?? '').replace(/until \S+/, 'until T')));
}

function tables(name: string): readonly (readonly (readonly string[])[])[] {
  const found = page(name).match(/(?:^\|.*\n)+/gm) ?? [];
  return found.filter((table) => table.startsWith('| step |')).map((table) => table.trim().split('\n').slice(2).map((row) => row.split('|').slice(2, 4).map((cell) => cell.trim().replace('until U', 'until T'))));
}

const live: Observed = { A: release(100, 2) };

test.each<[string, unknown]>([['recreate', 'recreate'], ['rolling', 'rolling'], ['blue-green', { type: 'blue-green', approve: true, soak: '5m' }], ['canary', 'canary']])('the walk of %s', (name, strategy) => {
  expect(tables(name)[0]).toEqual(walked(strategy, live, 'B'));
});

test('the rollback to a release that is warm', () => {
  const from: Observed = { A: release(0, 0, T), B: release(100, 2) };
  expect(tables('blue-green')[1]).toEqual(walked('blue-green', from, 'A', true));
});

test.each(['recreate', 'rolling', 'blue-green', 'canary'])('the examples of %s are valid', (name) => {
  const examples = [...page(name).matchAll(/^```jsonc\n([^]*?)^```/gm)].map((match) => match[1] ?? '');
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    const file = parseConfig(example, 'docs');
    for (const environment of Object.keys(file.config.environments)) {
      expect(resolveEnvironment({ ...file, environment, projectRoot: '.', workspaceRoot: '/w', projectName: 'api' }).strategy.type).toBe(name);
    }
  }
});
