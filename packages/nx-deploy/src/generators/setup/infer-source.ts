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
/** `const { PORT = 3000, API_URL: url } = process.env`. */
const TAKEN_APART = /\{([^{}]*)\}\s*(?::[^=;{}]+)?=\s*process\.env\b(?!\s*[?.[])/g;
const COMMENT = /\/\/.*|\/\*[\s\S]*?\*\//g;
/** What listens tells more than an option of that name, which may be that of a database. */
const LISTEN = /\.listen\(\s*(?:\{[^}]*?\bport\s*:\s*)?(\d{2,5})\b/i;
const PORT_OPTION = /\bport\s*:\s*(\d{2,5})\b/i;
const LARGEST = 500_000;

export function readSource(tree: Tree, project: ProjectConfiguration): SourceFacts {
  const root = project.sourceRoot !== undefined && tree.exists(project.sourceRoot) ? project.sourceRoot : project.root;
  const variables = new Map<string, string>();
  const routes = new RouteFinder();
  let fixed: string | undefined;
  let option: string | undefined;
  visitNotIgnoredFiles(tree, root, (file) => {
    if (!SOURCE.test(file) || TEST.test(file.slice(project.root === '.' ? 0 : project.root.length))) return;
    const source = tree.read(file, 'utf8') ?? '';
    if (source.length > LARGEST) return;
    for (const name of variablesIn(source)) if (!variables.has(name)) variables.set(name, joinPathFragments(file));
    routes.read(source);
    fixed ??= LISTEN.exec(source)?.[1];
    option ??= PORT_OPTION.exec(source)?.[1];
  });
  const readsPort = variables.has('PORT');
  const fixedPort = Number(fixed ?? option);
  return {
    readsPort,
    ...(readsPort || !(fixedPort <= 65_535) ? {} : { fixedPort }),
    ...routes.found,
    variables: new Map([...variables].filter(([name]) => !PLATFORM.test(name)).sort(([a], [b]) => (a < b ? -1 : 1))),
  };
}

function variablesIn(source: string): readonly string[] {
  const read = Array.from(source.matchAll(VARIABLE), (match) => match[1] ?? match[2] ?? '');
  const taken = Array.from(source.matchAll(TAKEN_APART), (match) => (match[1] ?? '').replace(COMMENT, '').split(','));
  return [...read, ...taken.flat().flatMap((each) => /^\s*([A-Za-z_]\w*)\s*(?:[:=]|$)/.exec(each)?.[1] ?? [])];
}
