import { COVERED, LATENCIES, LEVELS, SEVERITIES, type Quality } from '../quality/index.js';
import { chart, type Block, type Section, type Tone } from './report.js';

function coverage({ coverage: found }: Quality): readonly Block[] {
  if (found === undefined) return [];
  const bars = COVERED.flatMap((kind) => {
    const part = found[kind];
    return part?.percent === undefined ? [] : [{ label: kind, value: part.percent, text: `${part.percent}% (${part.covered} of ${part.total})`, tone: 'plain' as const }];
  });
  return bars.length === 0 ? [{ kind: 'note', text: 'The reports of coverage have nothing to cover.', tone: 'plain' }] : [{ kind: 'chart', title: 'Coverage', bars, most: 100 }];
}

function tests({ tests: found }: Quality): readonly Block[] {
  if (found === undefined) return [];
  const bar = (label: 'passed' | 'failed' | 'skipped', tone: Tone): { label: string; value: number; text: string; tone: Tone } => ({ label, value: found[label], text: String(found[label]), tone });
  return [chart(`Tests: ${found.total}`, [bar('passed', 'good'), bar('failed', 'bad'), bar('skipped', 'warning')])];
}

const TONES: Readonly<Record<(typeof SEVERITIES)[number] | (typeof LEVELS)[number], Tone>> = {
  critical: 'bad', high: 'bad', medium: 'warning', low: 'plain', error: 'bad', warning: 'warning', note: 'plain', none: 'plain',
};

function findings({ findings: found }: Quality): readonly Block[] {
  if (found === undefined) return [];
  const rated = SEVERITIES.some((severity) => found.severities[severity] > 0);
  return [
    chart(`Findings by level: ${found.total}`, LEVELS.map((level) => ({ label: level, value: found.levels[level], text: String(found.levels[level]), tone: TONES[level] }))),
    ...(rated ? [chart('Findings by severity', SEVERITIES.map((severity) => ({ label: severity, value: found.severities[severity], text: String(found.severities[severity]), tone: TONES[severity] })))] : []),
    ...(found.unrated === undefined || found.unrated === 0 ? [] : [{ kind: 'note', text: `${found.unrated} state no severity.`, tone: 'warning' } as const]),
    ...(found.suppressed === 0 ? [] : [{ kind: 'note', text: `${found.suppressed} more are suppressed.`, tone: 'plain' } as const]),
  ];
}

function performance({ performance: found = [] }: Quality): readonly Block[] {
  return found.flatMap(({ tool, report, requests, requestsPerSecond, failed, latencyMs }) => [
    { kind: 'note', text: `${tool} (${report}): ${requests} requests, ${requestsPerSecond.toFixed(1)}/s, ${failed ?? 'an unknown number'} failed.`, tone: failed === undefined || failed === 0 ? 'plain' : 'warning' } as const,
    chart(`Latency: ${report}`, LATENCIES.flatMap((name) => (latencyMs[name] === undefined ? [] : [{ label: name, value: latencyMs[name], text: `${latencyMs[name]} ms`, tone: 'plain' as const }]))),
  ]);
}

function absent({ absent: kinds }: Quality): readonly Block[] {
  return kinds.map(({ kind, lookedIn }) => ({ kind: 'note', text: `No report of ${kind}; looked in ${lookedIn.join(', ')}.`, tone: 'warning' }));
}

export function qualitySection(quality: Quality): Section {
  return { title: 'Quality', blocks: [coverage, tests, findings, performance, absent].flatMap((make) => make(quality)) };
}
