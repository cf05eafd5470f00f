/** Tells what a service could not load from what it merely misses where it does not run: a variable, a database. */
import type { ReportedError } from './preload.js';

export interface ModuleFailure {
  /** One line. */
  readonly why: string;
  /** The module that cannot be loaded, as it was asked for. */
  readonly module?: string;
  /** The file that asks for it. */
  readonly importer?: string;
}

const ALWAYS = new Set([
  'MODULE_NOT_FOUND', 'ERR_MODULE_NOT_FOUND', 'ERR_PACKAGE_PATH_NOT_EXPORTED', 'ERR_PACKAGE_IMPORT_NOT_DEFINED', 'ERR_INVALID_PACKAGE_TARGET', 'ERR_INVALID_PACKAGE_CONFIG',
  'ERR_UNSUPPORTED_DIR_IMPORT', 'ERR_INVALID_MODULE_SPECIFIER', 'ERR_UNSUPPORTED_ESM_URL_SCHEME',
]);
/** A newer Node knows more of the language, more built-in modules and more ways to load. */
const BY_VERSION = new Set(['ERR_REQUIRE_ESM', 'ERR_UNKNOWN_BUILTIN_MODULE', 'ERR_UNKNOWN_FILE_EXTENSION', 'ERR_IMPORT_ATTRIBUTE_MISSING', 'ERR_IMPORT_ASSERTION_TYPE_MISSING']);
/** A native module of another system or processor. Other failures to load one tell of the libraries and the Node here, which are not those of the image. */
const FOREIGN_ADDON = /invalid ELF header|wrong ELF class|not a mach-o|Exec format error|incompatible architecture|cannot open shared object file: (?:Permission denied)|file too short/i;
const MISSING = /Cannot find (?:module|package) ['"]([^'"]{1,500})['"](?: imported from ([^\n]{1,1000}))?/;
/** `node:internal/modules/cjs/loader` and the like. */
const LOADER = /\(?node:internal\/(?:modules|vm)[/:.]/;

/**
 * @param sameNode is the Node of the image at most as new as the one here, or unknown?
 * @returns undefined for an error that does not come from loading, or that only comes because this is not the image
 */
export function moduleFailure(error: ReportedError, sameNode: boolean): ModuleFailure | undefined {
  const { code = '', message, stack, requireStack = [] } = error;
  const [line = ''] = message.split('\n');
  if (ALWAYS.has(code)) return named(message, line, requireStack[0] ?? importerIn(stack));
  if (code === 'ERR_DLOPEN_FAILED') return FOREIGN_ADDON.test(message) ? named(message, line, importerIn(stack)) : undefined;
  if (!sameNode) return undefined;
  if (BY_VERSION.has(code)) return named(message, line, importerIn(stack));
  return error.name === 'SyntaxError' && isOfLoader(stack) ? { why: `${error.name}: ${line}`, ...syntaxPlace(stack) } : undefined;
}

/** For a service that catches the error, prints it and ends. */
export function printedFailure(lines: readonly string[]): ModuleFailure | undefined {
  const text = lines.join('\n');
  if (![...ALWAYS].some((code) => text.includes(code)) || !MISSING.test(text)) return undefined;
  return named(text, MISSING.exec(text)?.[0].split('\n')[0] ?? '', /Require stack:\n\s*- ([^\n]+)/.exec(text)?.[1]);
}

/** Where a source cannot be parsed, as Node prints it before the error: of ESM the error itself does not say so. */
export function printedPlace(lines: readonly string[]): string | undefined {
  return syntaxPlace(lines.join('\n')).importer;
}

function named(message: string, why: string, importer: string | undefined): ModuleFailure {
  const [, module, from] = MISSING.exec(message) ?? [];
  const asker = from ?? importer;
  return { why, ...(module === undefined ? {} : { module }), ...(asker === undefined ? {} : { importer: asker }) };
}

/** The first file of the stack that is not Node's. */
function importerIn(stack: string): string | undefined {
  for (const [, place = ''] of stack.matchAll(/^\s+at (?:.*\()?((?:file:\/\/)?\/[^)\n]+?)(?::\d+){1,2}\)?$/gm)) return place.replace(/^file:\/\//, '');
  return undefined;
}

/** The text of a source that cannot be parsed stands before the error: `/path/file.js:12`. */
function syntaxPlace(stack: string): { readonly importer?: string } {
  const place = /^((?:file:\/\/)?\/[^\n]+?:\d+)$/m.exec(stack)?.[1];
  return place === undefined ? {} : { importer: place.replace(/^file:\/\//, '') };
}

/** A text that the service itself parses, such as a variable with JSON in it, has the service right below it in the stack. */
function isOfLoader(stack: string): boolean {
  const [first = '', second = ''] = stack.split('\n').filter((line) => /^\s+at /.test(line));
  return LOADER.test(first) || (/<anonymous>/.test(first) && LOADER.test(second)) || (first === '' && /^(?:file:\/\/)?\/[^\n]+:\d+$/m.test(stack));
}
