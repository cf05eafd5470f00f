import { resolve } from 'node:path';
import { parsePeriod } from '../../duration.js';
import { HealthError } from '../../errors.js';
import { readHistory } from '../../monitor/history.js';
import { htmlReport } from '../../report/html.js';
import { markdownReport } from '../../report/markdown.js';
import { summarise, type HistorySummary } from '../../report/summary.js';
import { replaceFile } from '../../replace-file.js';
import { defaultHistory } from '../monitor/executor.js';
import { Problems, refuse } from '../probe.js';
import { guarded, type TaskContext } from '../selection.js';

export interface ReportExecutorOptions {
  readonly history?: string;
  readonly period?: string;
  readonly format?: 'markdown' | 'html' | 'json';
  readonly output?: string;
}

/** What a history says of the last hours or days. */
export default async function reportExecutor({ history, period = '24h', format = 'markdown', output }: ReportExecutorOptions, { root, projectName = 'health' }: TaskContext): Promise<{ success: boolean }> {
  const problems = new Problems();
  const ms = parsePeriod(period) ?? 0;
  if (ms === 0) problems.add('period', 'a duration such as 1h, 24h or 30d', period);
  if (problems.lines.length > 0) return refuse('nx-health:report', problems);
  return guarded(async () => {
    const to = Date.now();
    const path = resolve(root, history ?? defaultHistory(projectName));
    const { records, unreadable } = await readHistory(path, to - ms);
    if (records.length === 0) throw new HealthError({ what: `the history has nothing of the last ${period}`, where: path, next: 'ask for a longer period, or run a monitor of the project (nx-health:monitor)' });
    const text = textOf(format, projectName, summarise(records, { from: Math.max(to - ms, records[0]?.t ?? to), to }), unreadable === 0 ? undefined : `${unreadable} lines of the history could not be read.`);
    if (output === undefined) process.stdout.write(text);
    else {
      await replaceFile(resolve(root, output), text);
      process.stdout.write(`wrote ${output.replace(/[^\x20-\x7e]/g, '?')}\n`);
    }
    return { success: true };
  });
}

function textOf(format: 'markdown' | 'html' | 'json', title: string, summary: HistorySummary, remark: string | undefined): string {
  if (format === 'json') return `${JSON.stringify(summary, null, 2)}\n`;
  return format === 'html' ? htmlReport(title, summary, remark) : markdownReport(title, summary, remark);
}
