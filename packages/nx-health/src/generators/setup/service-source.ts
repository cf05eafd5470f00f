/** Puts the endpoint into the source of a service, by its syntax tree. */
import type TypeScript from 'typescript';
import type { Node, SourceFile } from 'typescript';
import { findServer, type Framework, type Server } from './find-server.js';
import { indentAt, insert, mannerOf, statementBehind, type Insertion, type Manner } from './source-edit.js';

export type { Framework };

export type Adding =
  | { readonly state: 'added'; readonly text: string; readonly framework: Framework }
  /** It has one already. */
  | { readonly state: 'there' }
  /** `why` continues `the source `. */
  | { readonly state: 'unknown'; readonly why: string };

const MODULE = 'nx-health/endpoint';

/** `name`: of the service, as it stands in details. */
export function addEndpoint(text: string, file: string, name: string, ts: typeof TypeScript): Adding {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  if (namesModule(source, ts)) return { state: 'there' };
  const broken = (source as SourceFile & { readonly parseDiagnostics?: readonly unknown[] }).parseDiagnostics ?? [];
  if (broken.length > 0) return { state: 'unknown', why: 'cannot be parsed' };
  const server = findServer(source, ts);
  if (typeof server === 'string') return { state: 'unknown', why: server };
  const manner = mannerOf(text);
  const used = identifiers(source, ts);
  const endpoint = free('endpoint', used);
  const adapter = ADAPTERS[server.framework];
  const names = ['createEndpoint', ...(adapter === undefined ? [] : [adapter])];
  const taken = names.find((each) => used.has(each));
  if (taken !== undefined) return { state: 'unknown', why: `uses the name ${taken} for something else` };
  const imported = importOf(source, server, text, names, manner, ts);
  if (imported === undefined) return { state: 'unknown', why: 'has no import or require in a statement of its own before the one that makes the server' };
  const insertions = [imported, creation(server, text, endpoint, name, manner), ...usage(server, text, endpoint, manner)];
  return { state: 'added', text: insert(text, insertions), framework: server.framework };
}

const ADAPTERS: Readonly<Record<Framework, string | undefined>> = { express: 'healthMiddleware', fastify: 'healthHook', nest: 'healthMiddleware', 'nest-fastify': 'healthHook', http: undefined };

/** An import or a require of it anywhere: then somebody has thought of it. */
function namesModule(source: SourceFile, ts: typeof TypeScript): boolean {
  let found = false;
  const visit = (node: Node): void => {
    if (ts.isStringLiteralLike(node) && node.text === MODULE) found = true;
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function identifiers(source: SourceFile, ts: typeof TypeScript): ReadonlySet<string> {
  const names = new Set<string>();
  const visit = (node: Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

function free(wanted: string, used: ReadonlySet<string>): string {
  const names = [wanted, `health${wanted.charAt(0).toUpperCase()}${wanted.slice(1)}`];
  for (let number = 2; ; number += 1) {
    const [first] = names.filter((name) => !used.has(name));
    if (first !== undefined) return first;
    names.push(`${names[1] ?? wanted}${number}`);
  }
}

/** Behind the last import; where there are only requires, a require behind the last of those. Of those before the server: a require below it would come too late. */
function importOf(source: SourceFile, server: Server, text: string, names: readonly string[], manner: Manner, ts: typeof TypeScript): Insertion | undefined {
  const imports = source.statements.filter((statement) => ts.isImportDeclaration(statement) || ts.isImportEqualsDeclaration(statement));
  const requires = source.statements.filter((statement) => ts.isVariableStatement(statement) && statement.declarationList.declarations.some(({ initializer }) => initializer !== undefined && isRequire(initializer, ts)));
  const module = `${manner.quote}${MODULE}${manner.quote}`;
  const code = imports.length > 0 ? `import { ${names.join(', ')} } from ${module}` : `const { ${names.join(', ')} } = require(${module})`;
  const last = (imports.length > 0 ? imports : requires).findLast((statement) => statement.getEnd() <= server.statement.getStart());
  return last === undefined ? undefined : statementBehind(text, last.getEnd(), code, manner);
}

function isRequire(node: Node, ts: typeof TypeScript): boolean {
  if (ts.isPropertyAccessExpression(node) || ts.isCallExpression(node)) {
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'require') return true;
    return isRequire(node.expression, ts);
  }
  return false;
}

/** Before the statement that makes the server. */
function creation({ statement }: Server, text: string, endpoint: string, name: string, { quote, semicolon, newline }: Manner): Insertion {
  const at = statement.getStart();
  const indent = indentAt(text, at);
  const quoted = `${quote}${name.replace(/[\\'"\n]/g, '')}${quote}`;
  return { at, text: `const ${endpoint} = createEndpoint({ name: ${quoted} })${semicolon}${newline}${indent}` };
}

function usage(server: Server, text: string, endpoint: string, manner: Manner): readonly Insertion[] {
  const { framework, statement } = server;
  if (framework === 'http') return [handling(server, text, endpoint, manner)];
  const { variable } = server;
  const calls: Readonly<Record<Exclude<Framework, 'http'>, string>> = {
    express: `${variable}.use(healthMiddleware(${endpoint}))`, nest: `${variable}.use(healthMiddleware(${endpoint}))`,
    fastify: `healthHook(${endpoint}, ${variable})`, 'nest-fastify': `healthHook(${endpoint}, ${variable}.getHttpAdapter().getInstance())`,
  };
  return [statementBehind(text, statement.getEnd(), calls[framework], manner, indentAt(text, statement.getStart()))];
}

/** As the first thing of the function that answers requests. */
function handling({ handler }: Extract<Server, { framework: 'http' }>, text: string, endpoint: string, { semicolon, newline, indent }: Manner): Insertion {
  const { body, request, response } = handler;
  const at = body.getStart() + 1;
  const [first] = body.statements;
  const line = `if (${endpoint}.handle(${request}, ${response})) return${semicolon === '' ? '' : ';'}`;
  const sameLine = first !== undefined && !text.slice(at, first.getStart()).includes('\n');
  if (sameLine) return { at, text: ` ${line}${semicolon === '' ? ';' : ''}` };
  return { at, text: `${newline}${first === undefined ? `${indentAt(text, body.getStart())}${indent}` : indentAt(text, first.getStart())}${line}` };
}

