/** Which environment variables a source reads, by TypeScript's own parser. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type TypeScript from 'typescript';
import type { Expression, Node, SourceFile } from 'typescript';
import { isVariableName } from '../parse-env-file.js';

/** A variable that is read. */
export interface VariableRead {
  readonly name: string;
  /** What stands for it where it is not set: `process.env.LEVEL ?? 'info'`. */
  readonly otherwise?: string | number | boolean;
}

/** Finds the variables in the text of a file. Throws nothing: what cannot be parsed reads none. */
export type ReadVariables = (text: string, file: string) => readonly VariableRead[];

/** With the TypeScript of the workspace, else with one that this package finds; undefined when there is none. */
export function variableReader(workspaceRoot: string): ReadVariables | undefined {
  for (const from of [join(workspaceRoot, 'package.json'), __filename]) {
    try {
      const ts = createRequire(from)('typescript') as typeof TypeScript;
      // Some versions have a compiler and no parser that can be called.
      if (typeof ts.createSourceFile === 'function') return (text, file) => readsIn(ts, text, file);
    } catch {
      // Looked for in the next place.
    }
  }
  return undefined;
}

function readsIn(ts: typeof TypeScript, text: string, file: string): readonly VariableRead[] {
  try {
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
    const finder = new Finder(ts, source);
    finder.visit(source);
    return finder.reads;
  } catch {
    // The parser calls itself for each level of nesting.
    return [];
  }
}

/** One pass for what else process.env is called, and one for what is read of it. */
class Finder {
  readonly reads: VariableRead[] = [];
  /** Names that stand for process.env in this file. */
  private readonly aliases = new Set<string>();

  constructor(private readonly ts: typeof TypeScript, source: SourceFile) {
    this.collectAliases(source);
  }

  visit(node: Node): void {
    const { ts } = this;
    if (ts.isPropertyAccessExpression(node) && this.isEnvironment(node.expression)) this.read(node.name.text, node);
    else if (ts.isElementAccessExpression(node) && this.isEnvironment(node.expression) && ts.isStringLiteralLike(node.argumentExpression)) this.read(node.argumentExpression.text, node);
    else if (ts.isVariableDeclaration(node) && node.initializer !== undefined && ts.isObjectBindingPattern(node.name) && this.isEnvironment(node.initializer)) this.readPattern(node.name);
    else if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword && ts.isStringLiteralLike(node.left) && this.isEnvironment(node.right)) this.read(node.left.text, node);
    ts.forEachChild(node, (child) => this.visit(child));
  }

  private collectAliases(node: Node): void {
    const { ts } = this;
    if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier) && /^(?:node:)?process$/.test(node.moduleSpecifier.text)) {
      const bindings = node.importClause?.namedBindings;
      for (const each of bindings !== undefined && ts.isNamedImports(bindings) ? bindings.elements : []) {
        if ((each.propertyName ?? each.name).text === 'env') this.aliases.add(each.name.text);
      }
    }
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer !== undefined && this.isEnvironment(node.initializer)) this.aliases.add(node.name.text);
    ts.forEachChild(node, (child) => this.collectAliases(child));
  }

  /** Without parentheses, `!` and `as`. */
  private bare(expression: Expression): Expression {
    const { ts } = this;
    return ts.isParenthesizedExpression(expression) || ts.isNonNullExpression(expression) || ts.isAsExpression(expression) || ts.isSatisfiesExpression(expression) ? this.bare(expression.expression) : expression;
  }

  private isEnvironment(expression: Expression): boolean {
    const { ts } = this;
    const node = this.bare(expression);
    if (ts.isIdentifier(node)) return this.aliases.has(node.text);
    if (!ts.isPropertyAccessExpression(node) || node.name.text !== 'env') return false;
    const owner = this.bare(node.expression);
    return ts.isIdentifier(owner) ? owner.text === 'process' : ts.isPropertyAccessExpression(owner) && owner.name.text === 'process' && ts.isIdentifier(owner.expression) && owner.expression.text === 'globalThis';
  }

  private readPattern(pattern: TypeScript.ObjectBindingPattern): void {
    const { ts } = this;
    for (const { dotDotDotToken, propertyName, name, initializer } of pattern.elements) {
      const key = propertyName ?? name;
      if (dotDotDotToken === undefined && (ts.isIdentifier(key) || ts.isStringLiteral(key))) this.add(key.text, initializer);
    }
  }

  /** What is only written or removed is no read. */
  private read(name: string, node: Node): void {
    const { ts } = this;
    let [inner, outer] = [node, node.parent];
    while (ts.isParenthesizedExpression(outer) || ts.isNonNullExpression(outer) || ts.isAsExpression(outer)) [inner, outer] = [outer, outer.parent];
    if (ts.isDeleteExpression(outer)) return;
    if (!ts.isBinaryExpression(outer) || outer.left !== inner) {
      this.add(name);
      return;
    }
    const kind = outer.operatorToken.kind;
    if (kind === ts.SyntaxKind.EqualsToken) return;
    const replaces = [ts.SyntaxKind.QuestionQuestionToken, ts.SyntaxKind.BarBarToken, ts.SyntaxKind.QuestionQuestionEqualsToken, ts.SyntaxKind.BarBarEqualsToken].includes(kind);
    this.add(name, replaces ? outer.right : undefined);
  }

  private add(name: string, otherwise?: Expression): void {
    if (!isVariableName(name)) return;
    const value = otherwise === undefined ? undefined : this.literal(this.bare(otherwise));
    this.reads.push(value === undefined ? { name } : { name, otherwise: value });
  }

  private literal(node: Expression): string | number | boolean | undefined {
    const { ts } = this;
    if (ts.isStringLiteralLike(node)) return node.text;
    if (ts.isNumericLiteral(node)) return Number(node.text);
    if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.MinusToken && ts.isNumericLiteral(node.operand)) return -Number(node.operand.text);
    if (node.kind === ts.SyntaxKind.TrueKeyword || node.kind === ts.SyntaxKind.FalseKeyword) return node.kind === ts.SyntaxKind.TrueKeyword;
    return undefined;
  }
}
