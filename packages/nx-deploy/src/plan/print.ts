import { formatDuration, limitText, WEB, type Desired, type DesiredRelease, type Gate, type ReleaseId, type Scale, type Step } from '../model/index.js';
import type { Plan } from './plan.js';

/**
 * The plan as lines of plain ASCII: one row per fleet, one column per release, then the gates. No newline at the end.
 * A cell is `instances@weight`, other processes behind it (`2@100 worker=1`); `-` where a release does not run.
 */
export function printPlan(plan: Plan): string {
  if (plan.kind === 'unchanged') return 'plan: nothing to do, the wanted fleet is what runs';
  const releases = columns([plan.running ?? plan.from, ...plan.steps.map(fleetOf), plan.to]);
  const rows = [
    ['step', ...releases, 'then'],
    ['now', ...cells(plan.running ?? plan.from, releases), ''],
    ...plan.steps.map((step, index) => [String(index + 1), ...cells(fleetOf(step), releases), then(step)]),
  ];
  const count = `${plan.steps.length} ${plan.steps.length === 1 ? 'step' : 'steps'}`;
  return [`plan: ${plan.strategy}, ${count}`, `reason: ${plan.reason}`, '', ...table(rows)].join('\n');
}

function fleetOf(step: Step): Desired {
  return 'reach' in step ? step.reach : step.desired;
}

/** In the order in which they first appear; within a fleet the one with the most traffic first. */
function columns(fleets: readonly Desired[]): readonly ReleaseId[] {
  return [...new Set(fleets.flatMap((fleet) =>
    Object.entries(fleet).sort(([a, left], [b, right]) => right.weight - left.weight || (a < b ? -1 : 1)).map(([id]) => id)))];
}

function cells(fleet: Desired, releases: readonly ReleaseId[]): readonly string[] {
  return releases.map((id) => cell(fleet[id]));
}

function cell(release: DesiredRelease | undefined): string {
  if (release === undefined) return '-';
  const others = Object.entries(release.processes).filter(([name]) => name !== WEB).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    `${scale(release.processes[WEB] ?? { fixed: 0 })}@${release.weight}`,
    ...others.map(([name, wanted]) => `${name}=${scale(wanted)}`),
    ...(release.until === undefined ? [] : [`until ${release.until}`]),
  ].join(' ');
}

function scale(wanted: Scale): string {
  return 'fixed' in wanted ? String(wanted.fixed) : `${wanted.min}-${wanted.max}`;
}

function then(step: Step): string {
  if ('native' in step) return `the platform does ${step.native} of ${step.release} itself`;
  return [...(step.then ?? []).map(gate), ...(step.commit === true ? ['commit'] : [])].join(', ');
}

function gate(wanted: Gate): string {
  if ('smoke' in wanted) return `smoke ${wanted.smoke.map(({ path, status }) => `${path}=${status}`).join(' ')}`;
  if ('approve' in wanted) return `approval within ${formatDuration(wanted.expires)}: ${wanted.approve}`;
  const rules = (wanted.analyse?.rules ?? []).map((rule) => `${rule.metric} < ${limitText(rule)}`);
  return `soak ${formatDuration(wanted.soak)}${rules.length === 0 ? '' : ` while ${rules.join(' and ')}`}`;
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
}
