import type { BuildDocument } from './document.js';
import { artifactsSection, componentsSection, readinessSection, runSection } from './report-parts.js';
import { qualitySection } from './report-quality.js';
import type { Report, Section } from './report.js';

function buildSection({ buildId, git, environment, tools, platform }: BuildDocument): Section {
  const rows: [string, string][] = [];
  if (buildId !== undefined) rows.push(['build', buildId]);
  rows.push(['commit', git === undefined ? 'none' : `${git.commit}${git.dirty ? ', with changes' : ''}`]);
  if (git?.branch !== undefined) rows.push(['branch', git.branch]);
  if (git !== undefined) rows.push(['committed', git.commitTime]);
  if (environment !== undefined) rows.push(['meant for', environment]);
  if (tools !== undefined) rows.push(['made with', Object.entries(tools).map(([name, version]) => `${name} ${String(version)}`).join(', ')]);
  if (platform !== undefined) rows.push(['made on', `${platform.os} ${platform.arch}`]);
  return { title: 'Build', blocks: [{ kind: 'facts', rows }] };
}

/** What a person wants to know before a build is deployed. */
export function deploymentReport(document: BuildDocument): Report {
  return {
    title: `${document.service} ${document.version}`,
    sections: [
      buildSection(document),
      readinessSection(document),
      qualitySection(document.quality),
      artifactsSection(document),
      componentsSection(document),
      ...runSection(document),
    ].filter(({ blocks }) => blocks.length > 0),
  };
}
