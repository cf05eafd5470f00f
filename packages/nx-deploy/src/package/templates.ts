/** Files that are filled in at deploy time, in the language of nx-env-sync's templates. */
import { fillIn } from 'nx-env-sync';
import { quoted } from '../archive/manifest.js';
import { DeployError } from '../errors.js';

export interface Values {
  readonly values: Readonly<Record<string, string>>;
  /** Names of variables that are secret: a file would show them to whoever can read it. */
  readonly secrets: readonly string[];
}

export interface Template {
  /** For messages. */
  readonly path: string;
  readonly text: string;
}

/**
 * The texts in the same order.
 * @param environment whose values they are, for the message
 * @throws DeployError ND-PACKAGE-TEMPLATE with every variable that is missing or secret, and every JSON file that would be none
 */
export function renderTemplates(templates: readonly Template[], { values, secrets }: Values, environment: string): readonly string[] {
  const problems: string[] = [];
  const texts = templates.map(({ path, text }) => {
    const { text: rendered, used, missing } = fillIn(text, values);
    const secret = used.filter((name) => secrets.includes(name)).sort();
    problems.push(...missing.map((name) => `${quoted(path)}: the variable ${name} is not set`));
    problems.push(...secret.map((name) => `${quoted(path)}: the variable ${name} is secret, and a file is readable; the service gets it as an environment variable`));
    if (missing.length === 0 && secret.length === 0 && /\.json(?:\.template)?$/.test(path) && !isJson(rendered)) problems.push(`${quoted(path)}: filled in it is no JSON any more; a value may need quotes around it, or hold a quote itself`);
    return rendered;
  });
  if (problems.length === 0) return texts;
  throw new DeployError('ND-PACKAGE-TEMPLATE', {
    what: `the configuration of the package cannot be filled in for ${environment}`, problems,
    next: `set what is missing in environments/${environment}.env, or give it a value in the template (\${NAME:-value}), then run the command again`,
  });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
