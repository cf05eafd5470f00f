import { EnvSyncError } from '../errors.js';
import { examineEnvironment } from '../examine-environment.js';
import { inputPath, outputPath, PUBLIC_FILE, writeOutput, type OutputPlace } from '../files/output-file.js';
import { shownPath } from '../files/paths.js';
import { PRIVATE_FILE } from '../files/replace-file.js';
import { formatProblem } from '../problem.js';
import { readTextFile } from '../read-file.js';
import { fillIn, linesOf } from '../rendering/template.js';
import { checkEnvironmentName, unknownEnvironment } from '../stores/environment-store.js';
import type { Place } from '../stores/store.js';
import { suggest } from '../suggest.js';
import { counted, type Answer } from './answer.js';

export interface RenderRequest {
  readonly environment: string;
  /** Both relative to the workspace. */
  readonly template: string;
  readonly outputFile: string;
  /** Secrets may be filled in; the file is private then. */
  readonly secrets?: boolean;
  /** Nothing is written; a file that is not what it should be is no success. */
  readonly check?: boolean;
}

/** Fills a template in with the values of an environment. Nothing is written unless every variable has one. */
export async function render(request: RenderRequest, place: Place): Promise<Answer> {
  const { environment, check = false } = request;
  checkEnvironmentName(environment);
  const [source, target] = pathsOf(request, place);
  const [from, to] = [source, target].map((path) => shownPath(path, place.workspaceRoot)) as [string, string];
  const { found, values, secrets, problems } = await examineEnvironment({ environment, ...place });
  if (!found) throw await unknownEnvironment(environment, place);
  if (problems.length > 0) throw new EnvSyncError('refused', { what: `the environment ${environment} is not valid`, problems: problems.map(formatProblem), next: 'correct it; nothing was written' });
  const template = await readTextFile(source);
  if (template.state !== 'read') throw new EnvSyncError('refused', { what: template.state === 'missing' ? 'there is no such template' : `the template ${template.what}`, where: from, next: 'name a text file of the workspace by template' });
  const { text, used, missing } = fillIn(template.text, Object.fromEntries([...values].map(([key, { value }]) => [key, value])));
  const hidden = used.filter((name) => secrets.includes(name));
  const flaws = [
    ...missing.flatMap((name) => at(name, `the variable ${name} is not set${near(name, values.keys())}`)),
    ...(request.secrets === true ? [] : hidden.flatMap((name) => at(name, `the variable ${name} is secret, and whoever reads the file would know it; give it to the process instead, or allow it by secrets`))),
  ];
  if (flaws.length === 0 && target.endsWith('.json') && !isJson(text)) flaws.push(`${from}: filled in it is no JSON any more; a value may need quotes around it, or hold a quote itself`);
  if (flaws.length > 0) throw new EnvSyncError('refused', { what: `the template cannot be filled in for ${environment}`, problems: flaws, next: `set what is missing in environments/${environment}.env, or give it a text in the template (\${NAME:-text}); nothing was written` });
  const there = await readTextFile(target);
  const document = { environment, template: from, file: to, variables: [...used].sort() };
  if (there.state === 'read' && there.text === text) return { success: true, lines: [`${to}: up to date, ${counted(used.length, 'variable')}`], document: { ...document, state: 'current' } };
  const state = there.state === 'missing' ? 'missing' : 'outdated';
  if (check) return { success: false, lines: [`error: ${to}: ${state === 'missing' ? 'is missing' : `is not what ${from} gives`}`, '  next: run the same without --check'], document: { ...document, state } };
  await writeOutput({ path: target, content: text, mode: hidden.length > 0 ? PRIVATE_FILE : PUBLIC_FILE }, place.workspaceRoot);
  return { success: true, lines: [`wrote ${to}: ${counted(used.length, 'variable')} of ${environment}`], document: { ...document, state: 'written' } };

  function at(name: string, what: string): string[] {
    return template.state === 'read' ? linesOf(name, template.text).map((line) => `${from}:${line}: ${what}`) : [];
  }
}

function pathsOf({ template, outputFile }: RenderRequest, place: OutputPlace): [string, string] {
  const [source, target] = [inputPath('template', template, place), outputPath('outputFile', outputFile, place)];
  if (source === target) throw new EnvSyncError('refused', { what: 'outputFile must not be the template', where: shownPath(source, place.workspaceRoot), next: 'give another name' });
  return [source, target];
}

function near(name: string, known: Iterable<string>): string {
  const meant = suggest(name, known);
  return meant === undefined ? '' : `; did you mean ${meant}?`;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
