/** Puts the endpoint into the source of a service, by its syntax tree. */
import type TypeScript from 'typescript';
import type { Node, SourceFile, Statement } from 'typescript';
import { findServer, type Framework, type Server } from './find-server.js';
import { indentAt, insert, lineEnd, mannerOf, type Insertion, type Manner } from './source-edit.js';

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
  if (adapter !== undefined && used.has(adapter)) return { state: 'unknown', why: `uses the name ${adapter} for something else` };
  const insertions = [importOf(source, text, ['createEndpoint', ...(adapter === undefined ? [] : [adapter])], manner, ts), creation(server, text, endpoint, name, manner), ...usage(server, text, endpoint, manner)];
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

/** Behind the last import; where there are only requires, a require behind the last of those. */
function importOf(source: SourceFile, text: string, names: readonly string[], { quote, semicolon, newline }: Manner, ts: typeof TypeScript): Insertion {
  const imports = source.statements.filter((statement) => ts.isImportDeclaration(statement) || ts.isImportEqualsDeclaration(statement));
  const requires = source.statements.filter((statement) => ts.isVariableStatement(statement) && statement.declarationList.declarations.some(({ initializer }) => initializer !== undefined && isRequire(initializer, ts)));
  const last: Statement | undefined = imports.at(-1) ?? requires.at(-1);
  const line = imports.length > 0 || requires.length === 0 ? `import { ${names.join(', ')} } from ${quote}${MODULE}${quote}${semicolon}` : `const { ${names.join(', ')} } = require(${quote}${MODULE}${quote})${semicolon}`;
  if (last === undefined) return { at: source.statements[0]?.getStart() ?? text.length, text: `${line}${newline}${newline}` };
  const at = lineEnd(text, last.getEnd());
  return { at, text: text.charAt(at - 1) === '\n' ? `${line}${newline}` : `${newline}${line}` };
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

function usage(server: Server, text: string, endpoint: string, { semicolon, newline, indent }: Manner): readonly Insertion[] {
  const { framework, statement } = server;
  if (framework === 'http') return [handling(server, text, endpoint, semicolon, newline, indent)];
  const { variable } = server;
  const calls: Readonly<Record<Exclude<Framework, 'http'>, string>> = {
    express: `${variable}.use(healthMiddleware(${endpoint}))`, nest: `${variable}.use(healthMiddleware(${endpoint}))`,
    fastify: `healthHook(${endpoint}, ${variable})`, 'nest-fastify': `healthHook(${endpoint}, ${variable}.getHttpAdapter().getInstance())`,
  };
  const at = lineEnd(text, statement.getEnd());
  const line = `${indentAt(text, statement.getStart())}${calls[framework]}${semicolon}`;
  return [{ at, text: text.charAt(at - 1) === '\n' ? `${line}${newline}` : `${newline}${line}` }];
}

/** As the first thing of the function that answers requests. */
function handling({ handler }: Extract<Server, { framework: 'http' }>, text: string, endpoint: string, semicolon: string, newline: string, indent: string): Insertion {
  const { body, request, response } = handler;
  const at = body.getStart() + 1;
  const [first] = body.statements;
  const line = `if (${endpoint}.handle(${request}, ${response})) return${semicolon === '' ? '' : ';'}`;
  const sameLine = first !== undefined && !text.slice(at, first.getStart()).includes('\n');
  if (sameLine) return { at, text: ` ${line}${semicolon === '' ? ';' : ''}` };
  return { at, text: `${newline}${first === undefined ? `${indentAt(text, body.getStart())}${indent}` : indentAt(text, first.getStart())}${line}` };
}

