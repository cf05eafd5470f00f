import { joinPathFragments, type ProjectConfiguration, type Tree } from '@nx/devkit';
import { ENVIRONMENTS_FOLDER } from '../environment-name.js';
import { SCHEMA_FILE } from '../layer.js';
import { mergeSchemas, NO_SCHEMA, parseSchema, type EnvSchema } from '../schema.js';
import { declareTypes, MADE_HERE, sameDeclarations } from './declare-types.js';
import { defaultTypesFile, TYPES_EXECUTOR } from './types-file.js';

/** Declaration files that are there, were made here and are not what their schemas say any more, with what they should hold. */
export function outdatedTypes(tree: Tree, projects: ReadonlyMap<string, ProjectConfiguration>): ReadonlyMap<string, string> {
  const outdated = new Map<string, string>();
  for (const [name, project] of projects) {
    for (const file of typesFiles(tree, name, project)) {
      const there = tree.exists(file) ? tree.read(file, 'utf8') ?? '' : '';
      const schema = there.startsWith(MADE_HERE) ? describedBy(tree, project.root) : undefined;
      const text = schema === undefined ? there : declareTypes(schema);
      if (!sameDeclarations(there, text)) outdated.set(file, text);
    }
  }
  return outdated;
}

function typesFiles(tree: Tree, name: string, project: ProjectConfiguration): ReadonlySet<string> {
  const given = Object.values(project.targets ?? {}).flatMap(({ executor, options }) => {
    const file: unknown = executor === TYPES_EXECUTOR ? (options as Readonly<Record<string, unknown>> | undefined)?.['outputFile'] : undefined;
    return typeof file === 'string' ? [file.replaceAll('{projectRoot}', project.root).replaceAll('{projectName}', name).replace(/^\{workspaceRoot\}\/?/, '')] : [];
  });
  return new Set([defaultTypesFile(project, (path) => tree.exists(path)), ...given].map((file) => joinPathFragments(file)));
}

/** undefined where a schema is not valid, which validation tells, or where there is none any more. */
function describedBy(tree: Tree, root: string): EnvSchema | undefined {
  const files = [...new Set(['.', root])].map((folder) => joinPathFragments(folder, ENVIRONMENTS_FOLDER, SCHEMA_FILE)).filter((file) => tree.exists(file));
  const read = files.map((file) => parseSchema(tree.read(file, 'utf8') ?? '', file));
  if (read.length === 0 || read.some(({ problems }) => problems.length > 0)) return undefined;
  return read.reduce((merged, { schema }) => mergeSchemas(merged, schema), NO_SCHEMA);
}
