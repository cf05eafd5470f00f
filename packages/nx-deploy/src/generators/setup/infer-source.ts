/** What a service's source tells: its port, its health path, and the variables that it reads. */
import { joinPathFragments, visitNotIgnoredFiles } from '@nx/devkit';
import type { ProjectConfiguration, Tree } from '@nx/devkit';
import { RouteFinder, type Routes } from './infer-routes.js';

export interface SourceFacts extends Routes {
  /** Whether it listens on the port that the variable PORT names. */
  readonly readsPort: boolean;
  /** A port written into the source without PORT. */
  readonly fixedPort?: number;
  /** Names of environment variables with the file that reads each, without those of the platform. */
  readonly variables: ReadonlyMap<string, string>;
}

const SOURCE = /\.[cm]?[jt]sx?$/;
const TEST = /(^|\/)(__tests__|test|tests|e2e|node_modules|dist|build|coverage)\/|\.(spec|test|d)\.[cm]?[jt]sx?$|(^|\/)[\w-]+\.config\.[cm]?[jt]s$/;
const VARIABLE = /process\.env(?:\.([A-Za-z_]\w*)|\[\s*['"]([A-Za-z_]\w*)['"]\s*\])/g;
/** Set by the platform or by Node's own conventions; no matter of an environment file. */
const PLATFORM = /^(PORT|HOST|NODE_ENV|NODE_OPTIONS|CI|HOME|PATH|NX_.*)$/;
const LISTEN = /\.listen\(\s*(\d{2,5})\b|\bport\s*:\s*(\d{2,5})\b/i;
const LARGEST = 500_000;

export function readSource(tree: Tree, project: ProjectConfiguration): SourceFacts {
  const root = project.sourceRoot !== undefined && tree.exists(project.sourceRoot) ? project.sourceRoot : project.root;
  const variables = new Map<string, string>();
  const routes = new RouteFinder();
  let fixed: number | undefined;
  visitNotIgnoredFiles(tree, root, (file) => {
    if (!SOURCE.test(file) || TEST.test(file.slice(project.root === '.' ? 0 : project.root.length))) return;
    const source = tree.read(file, 'utf8') ?? '';
    if (source.length > LARGEST) return;
    for (const match of source.matchAll(VARIABLE)) {
      const name = match[1] ?? match[2] ?? '';
      if (!variables.has(name)) variables.set(name, joinPathFragments(file));
    }
    routes.read(source);
    const listen = LISTEN.exec(source);
    fixed ??= listen === null ? undefined : Number(listen[1] ?? listen[2]);
  });
  const readsPort = variables.has('PORT');
  return {
    readsPort,
    ...(readsPort || fixed === undefined || fixed > 65_535 ? {} : { fixedPort: fixed }),
    ...routes.found,
    variables: new Map([...variables].filter(([name]) => !PLATFORM.test(name)).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}
