/** Names that become parts of paths, routes and variables, and are therefore restricted. */
import { createHash } from 'node:crypto';

/** Services, environments, processes. */
export const NAME_PATTERN = '^[a-z0-9][a-z0-9._-]{0,62}$';
export const NAME_RULE = 'a name of at most 63 lower-case letters, digits, ".", "_" and "-" that begins with a letter or digit';
const NAME = new RegExp(NAME_PATTERN);

export function isName(text: string): boolean {
  return NAME.test(text);
}

/**
 * The service's name when deploy.json gives none. A safe project name stays as it is, and `@org/api` becomes `org-api`.
 * Whatever else has to be changed gets a digest of the original behind it, so that `My App` and `my-app` do not meet.
 */
export function serviceName(projectName: string): string {
  const unscoped = /^@[^/]+\/[^/]+$/.test(projectName) ? projectName.slice(1).replace('/', '-') : projectName;
  if (isName(unscoped)) return unscoped;
  const digest = createHash('sha256').update(projectName).digest('hex').slice(0, 8);
  const safe = unscoped.toLowerCase().replace(/[^a-z0-9._-]+/g, '-').replace(/^[._-]+/, '').slice(0, 54).replace(/[._-]+$/, '');
  return safe === '' ? `service-${digest}` : `${safe}-${digest}`;
}
