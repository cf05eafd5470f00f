import type { ExecutorContext } from '@nx/devkit';
import { resolve } from 'node:path';
import { askedThrough } from '../../asked-environment.js';
import { isEnvironmentName, knownEnvironments } from '../../environment-name.js';
import { EnvSyncError, errorLines } from '../../errors.js';
import { outputPath, PUBLIC_FILE, writeOutput, type OutputPlace } from '../../files/output-file.js';
import { shownPath } from '../../files/paths.js';
import { notAName } from '../../load-environment.js';
import { printable, type EnvProblem } from '../../problem.js';
import { formatReport } from '../../report/format.js';
import type { Report, ReportFinding, ReportFormat } from '../../report/report.js';
import { validateEnvironment, type Severity, type ValidatedEnvironment } from '../../validation/validate-environment.js';

export interface ValidateOptions {
  /** Default: the name of the configuration the task runs with. */
  readonly environment?: string;
  /** The environments there are, where something else than the files decides: no other is accepted, and one of them needs no file. */
  readonly known?: readonly string[];
  /** Default: `text`. */
  readonly format?: ReportFormat;
  /** Relative to the workspace. With it the text is printed, whatever the format of the file. */
  readonly outputFile?: string;
}

type ValidateContext = Pick<ExecutorContext, 'root' | 'projectName' | 'targetName' | 'configurationName' | 'projectsConfigurations' | 'taskGraph'>;

/** The environments that can be named: those that were given, else those that have a file. */
async function listed({ known }: ValidateOptions, place: OutputPlace): Promise<string> {
  const names = known === undefined ? await knownEnvironments(place) : known.map((name) => printable(name, 64));
  return names.length === 0 ? 'no environments/*.env file exists yet' : `known environments: ${names.join(', ')}`;
}

function reported({ file, line, key, what, rule = 'file' }: EnvProblem, severity: Severity): ReportFinding {
  return { rule, severity, file: printable(file), ...(line === undefined ? {} : { line }), ...(key === undefined ? {} : { key: printable(key) }), message: what };
}

function refusal(message: string): ReportFinding {
  return { rule: 'environment', severity: 'error', message };
}

function found({ examined: { values, secrets }, findings, notes }: ValidatedEnvironment): Pick<Report, 'outcome' | 'keys' | 'findings' | 'notes' | 'next'> {
  const secret = new Set(secrets);
  return {
    outcome: findings.some(({ severity }) => severity === 'error') ? 'invalid' : 'valid',
    keys: [...values].map(([key, { file, line }]) => ({ key, secret: secret.has(key), file: printable(file), line })),
    findings: findings.map((finding) => reported(finding, finding.severity)),
    notes, next: [],
  };
}

async function reportOf(options: ValidateOptions, place: OutputPlace, context: ValidateContext): Promise<Report> {
  const project = printable(place.projectName);
  const environment = options.environment ?? context.configurationName;
  const nothing = { keys: [], findings: [], notes: [], next: [] };
  if (environment === undefined || environment === '') {
    const asking = askedThrough(context.taskGraph, { project: place.projectName, target: context.targetName ?? '' });
    if (asking !== undefined) {
      return { ...nothing, project, outcome: 'skipped', notes: [`${project} has no environment ${printable(asking.environment, 64)}, which ${printable(asking.project)} was asked for`] };
    }
    return { ...nothing, project, outcome: 'refused', findings: [refusal('no environment was named')], next: ['next: add --configuration=<environment>', await listed(options, place)] };
  }
  const shown = printable(environment, 64);
  const validated = isEnvironmentName(environment) ? await validateEnvironment({ ...place, environment }) : undefined;
  const exists = options.known === undefined ? validated?.examined.found === true : options.known.includes(environment);
  if (validated !== undefined && exists) return { project, environment: shown, ...found(validated) };
  const causes = validated === undefined ? [refusal(notAName(environment))]
    : options.known !== undefined ? []
      : validated.findings.length > 0 ? found(validated).findings
        : [refusal(`neither environments/${environment}.env nor environments/env.schema.json exists`)];
  return { ...nothing, project, environment: shown, outcome: 'refused', findings: [refusal(`environment ${shown} of ${project} does not exist`), ...causes], next: [await listed(options, place)] };
}

/** Executor `nx-env-sync:validate`: succeeds when the environment exists and nothing about it is an error. */
export default async function validate(options: ValidateOptions, context: ValidateContext): Promise<{ success: boolean }> {
  const projectName = context.projectName ?? '';
  const place: OutputPlace = { workspaceRoot: resolve(context.root), projectRoot: context.projectsConfigurations.projects[projectName]?.root ?? '.', projectName };
  const { format = 'text', outputFile } = options;
  try {
    const target = outputFile === undefined ? undefined : outputPath('outputFile', outputFile, place);
    const report = await reportOf(options, place, context);
    process.stdout.write(formatReport(report, target === undefined ? format : 'text'));
    if (target !== undefined) {
      await writeOutput({ path: target, content: formatReport(report, format), mode: PUBLIC_FILE }, place.workspaceRoot);
      process.stdout.write(`wrote ${shownPath(target, place.workspaceRoot)}: ${format}\n`);
    }
    return { success: report.outcome === 'valid' || report.outcome === 'skipped' };
  } catch (error) {
    if (!(error instanceof EnvSyncError)) throw error;
    process.stdout.write(`${errorLines(error.parts).join('\n')}\n`);
    return { success: false };
  }
}
