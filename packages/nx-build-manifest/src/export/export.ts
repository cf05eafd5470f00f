import type { BuildManifest } from '../manifest.js';
import type { BuildRun } from '../run-file.js';
import { deploymentReport } from './deployment-report.js';
import { documentOf } from './document.js';
import { htmlOf } from './html.js';
import { markdownOf } from './markdown.js';
import { summaryOf } from './summary.js';

export const EXPORT_FORMATS = ['json', 'yaml', 'summary', 'markdown', 'html'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** The text of an export: `json` and `yaml` hold everything, `summary` one screen, `markdown` and `html` are the deployment report. */
export async function exportManifest(manifest: BuildManifest, format: ExportFormat, run?: BuildRun): Promise<string> {
  const document = documentOf(manifest, run);
  switch (format) {
    case 'json': return `${JSON.stringify(document, null, 2)}\n`;
    case 'yaml': return (await import('yaml')).stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 });
    case 'summary': return summaryOf(document);
    case 'markdown': return markdownOf(deploymentReport(document));
    case 'html': return htmlOf(deploymentReport(document));
  }
}
