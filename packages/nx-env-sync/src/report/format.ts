import { sarifReport } from './sarif.js';
import { textReport } from './text.js';
import type { Report, ReportFormat } from './report.js';

const WRITERS: Readonly<Record<ReportFormat, (report: Report) => string>> = {
  text: textReport,
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
  sarif: sarifReport,
};

/** The report as text that ends with a line feed. Plain ASCII, no value. */
export function formatReport(report: Report, format: ReportFormat): string {
  return WRITERS[format](report);
}
