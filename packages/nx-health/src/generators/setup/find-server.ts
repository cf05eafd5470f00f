/** Where a source makes the server of its service. */
import type TypeScript from 'typescript';
import type { ArrowFunction, Block, CallExpression, Expression, FunctionDeclaration, FunctionExpression, Node, SourceFile, Statement } from 'typescript';

export type Framework = 'express' | 'fastify' | 'nest' | 'nest-fastify' | 'http';

export interface Handler {
  readonly body: Block;
  /** Names of its parameters. */
  readonly request: string;
  readonly response: string;
}

export type Server =
  | { readonly framework: Exclude<Framework, 'http'>; readonly statement: Statement; readonly variable: string }
  | { readonly framework: 'http'; readonly statement: Statement; readonly handler: Handler };

const MODULES: Readonly<Record<string, 'express' | 'fastify' | 'nest' | 'http'>> = { express: 'express', fastify: 'fastify', '@nestjs/core': 'nest', 'node:http': 'http', http: 'http', 'node:https': 'http', https: 'http' };

/** A text that continues `the source ` when there is none, or more than one. */
export function findServer(source: SourceFile, ts: typeof TypeScript): Server | string {
  const names = importedNames(source, ts);
  const calls: { readonly call: CallExpression; readonly of: 'express' | 'fastify' | 'nest' | 'http' }[] = [];
  const visit = (node: Node): void => {
    const of = ts.isCallExpression(node) ? callOf(node, names, ts) : undefined;
    if (ts.isCallExpression(node) && of !== undefined) calls.push({ call: node, of });
    ts.forEachChild(node, visit);
  };
  visit(source);
  // Express and Fastify hand their application to a server of http, which is not where requests are answered.
  const own = calls.filter(({ of }) => of !== 'http');
  const found = own.length > 0 ? own : calls;
  const [one] = found;
  if (one === undefined) return 'makes no server of Express, Fastify, Nest or node:http that can be seen in it';
  if (found.length > 1) return `makes ${found.length} servers`;
  const statement = statementOf(one.call, ts);
  if (one.of === 'http') {
    const handler = handlerOf(one.call, source, ts);
    if (typeof handler === 'string') return handler;
    // A function that stands elsewhere does not see what stands beside the call.
    const inline = one.call.getStart() <= handler.body.getStart() && handler.body.getEnd() <= one.call.getEnd();
    return { framework: 'http', statement: inline ? statement : statementOf(handler.body.parent, ts), handler };
  }
  const variable = variableOf(one.call, statement, ts);
  if (variable === undefined) return `does not give the ${one.of} application a name`;
  const onFastify = one.of === 'nest' && one.call.arguments.some((argument) => /\bFastifyAdapter\b/.test(argument.getText()));
  return { framework: onFastify ? 'nest-fastify' : one.of, statement, variable };
}

type Names = ReadonlyMap<string, { readonly of: (typeof MODULES)[string]; readonly imported: string }>;

/** Local names of what is imported from a framework; `*` for a module as a whole, as `import x from`, `import * as x` and `x = require()` have it. */
function importedNames(source: SourceFile, ts: typeof TypeScript): Names {
  const names = new Map<string, { of: (typeof MODULES)[string]; imported: string }>();
  const add = (module: Expression | undefined, local: string, imported: string): void => {
    const of = module !== undefined && ts.isStringLiteralLike(module) ? MODULES[module.text] : undefined;
    if (of !== undefined) names.set(local, { of, imported });
  };
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      const clause = statement.importClause;
      if (clause?.name !== undefined) add(statement.moduleSpecifier, clause.name.text, '*');
      const bindings = clause?.namedBindings;
      if (bindings !== undefined && ts.isNamespaceImport(bindings)) add(statement.moduleSpecifier, bindings.name.text, '*');
      else if (bindings !== undefined) bindings.elements.forEach(({ name, propertyName }) => { add(statement.moduleSpecifier, name.text, (propertyName ?? name).text); });
    } else if (ts.isImportEqualsDeclaration(statement) && ts.isExternalModuleReference(statement.moduleReference)) add(statement.moduleReference.expression, statement.name.text, '*');
    else if (ts.isVariableStatement(statement)) {
      for (const { name, initializer } of statement.declarationList.declarations) {
        if (initializer === undefined || !ts.isCallExpression(initializer) || initializer.expression.getText() !== 'require') continue;
        if (ts.isIdentifier(name)) add(initializer.arguments[0], name.text, '*');
        else if (ts.isObjectBindingPattern(name)) name.elements.forEach((element) => { add(initializer.arguments[0], element.name.getText(), (element.propertyName ?? element.name).getText()); });
      }
    }
  }
  return names;
}

/** The framework whose server a call makes. */
function callOf({ expression }: CallExpression, names: Names, ts: typeof TypeScript): 'express' | 'fastify' | 'nest' | 'http' | undefined {
  const target = ts.isPropertyAccessExpression(expression) ? expression.expression : expression;
  if (!ts.isIdentifier(target)) return undefined;
  const known = names.get(target.text);
  const method = ts.isPropertyAccessExpression(expression) ? expression.name.text : undefined;
  if (known === undefined) return undefined;
  const { of, imported } = known;
  if (of === 'nest') return imported === 'NestFactory' && method === 'create' ? of : undefined;
  if (of === 'http') return (imported === 'createServer' && method === undefined) || (imported === '*' && method === 'createServer') ? of : undefined;
  if (of === 'fastify') return (method === undefined && ['*', 'fastify', 'default'].includes(imported)) || (imported === '*' && method === 'fastify') ? of : undefined;
  return method === undefined && ['*', 'default'].includes(imported) ? of : undefined;
}

function statementOf(node: Node, ts: typeof TypeScript): Statement {
  let at = node;
  while (!(ts.isStatement(at) && (ts.isBlock(at.parent) || ts.isSourceFile(at.parent)))) at = at.parent;
  return at;
}

/** `const app = express()` or `const app = await NestFactory.create(...)`. */
function variableOf(call: CallExpression, statement: Statement, ts: typeof TypeScript): string | undefined {
  const parent = ts.isAwaitExpression(call.parent) ? call.parent.parent : call.parent;
  return ts.isVariableDeclaration(parent) && ts.isIdentifier(parent.name) && ts.isVariableStatement(statement) ? parent.name.text : undefined;
}

function handlerOf(call: CallExpression, source: SourceFile, ts: typeof TypeScript): Handler | string {
  const last = call.arguments.at(-1);
  const given = last !== undefined && ts.isIdentifier(last) ? functionNamed(last.text, source, ts) : last;
  if (given === undefined || !(ts.isArrowFunction(given) || ts.isFunctionExpression(given) || ts.isFunctionDeclaration(given))) return 'gives its server no function that can be seen in it';
  return parametersOf(given, ts);
}

function functionNamed(name: string, source: SourceFile, ts: typeof TypeScript): Node | undefined {
  for (const statement of source.statements) {
    if (ts.isFunctionDeclaration(statement) && statement.name?.text === name) return statement;
    const declared = ts.isVariableStatement(statement) ? statement.declarationList.declarations.find((declaration) => declaration.name.getText() === name) : undefined;
    if (declared !== undefined) return declared.initializer;
  }
  return undefined;
}

function parametersOf({ body, parameters: [request, response] }: ArrowFunction | FunctionExpression | FunctionDeclaration, ts: typeof TypeScript): Handler | string {
  if (body === undefined || !ts.isBlock(body)) return 'answers requests by an expression; give the function a body in braces';
  if (request === undefined || response === undefined || !ts.isIdentifier(request.name) || !ts.isIdentifier(response.name)) return 'answers requests by a function that does not name both request and response';
  return { body, request: request.name.text, response: response.name.text };
}
