import { moduleFailure, printedFailure } from './module-failure.js';

const error = (code: string | undefined, message: string, stack = '', name = 'Error') => ({ name, message, stack, ...(code === undefined ? {} : { code }) });

it('names module and importer', () => {
  expect(moduleFailure({ ...error('MODULE_NOT_FOUND', "Cannot find module 'left-pad'\nRequire stack:\n- /app/a.js\n- /app/main.js"), requireStack: ['/app/a.js', '/app/main.js'] }, true))
    .toEqual({ why: "Cannot find module 'left-pad'", module: 'left-pad', importer: '/app/a.js' });
  expect(moduleFailure(error('ERR_MODULE_NOT_FOUND', "Cannot find package 'left-pad' imported from /app/main.mjs"), true))
    .toEqual({ why: "Cannot find package 'left-pad' imported from /app/main.mjs", module: 'left-pad', importer: '/app/main.mjs' });
});

it('tells a source that cannot be parsed from a text that the service parses', () => {
  const loader = '/app/b.js:3\nconst = 1;\n      ^\n\nSyntaxError: Unexpected token\n    at wrapSafe (node:internal/modules/cjs/loader:1469:18)\n    at Module._compile (node:internal/modules/cjs/loader:1491:20)';
  expect(moduleFailure(error(undefined, 'Unexpected token', loader, 'SyntaxError'), true)).toEqual({ why: 'SyntaxError: Unexpected token', importer: '/app/b.js:3' });
  const own = 'SyntaxError: Unexpected end of JSON input\n    at JSON.parse (<anonymous>)\n    at Object.<anonymous> (/app/main.js:1:6)\n    at Module._compile (node:internal/modules/cjs/loader:1521:14)';
  expect(moduleFailure(error(undefined, 'Unexpected end of JSON input', own, 'SyntaxError'), true)).toBeUndefined();
});

it('does not hold against a service that the Node or the libraries here are others than in the image', () => {
  expect(moduleFailure(error('ERR_REQUIRE_ESM', 'require() of ES Module /app/x.mjs not supported'), false)).toBeUndefined();
  expect(moduleFailure(error('ERR_REQUIRE_ESM', 'require() of ES Module /app/x.mjs not supported'), true)?.why).toMatch(/^require\(\) of ES Module/);
  expect(moduleFailure(error('ERR_DLOPEN_FAILED', 'libc.musl-x86_64.so.1: cannot open shared object file: No such file or directory'), true)).toBeUndefined();
  expect(moduleFailure(error('ERR_DLOPEN_FAILED', "was compiled against a different Node.js version using NODE_MODULE_VERSION 127"), true)).toBeUndefined();
  expect(moduleFailure(error('ERR_DLOPEN_FAILED', '/app/x.node: invalid ELF header', 'Error: x\n    at Object.<anonymous> (/app/x.js:1:1)'), true)).toEqual({ why: '/app/x.node: invalid ELF header', importer: '/app/x.js' });
});

it('finds what a service printed, and nothing in ordinary text', () => {
  expect(printedFailure(["Error: Cannot find module 'pg'", 'Require stack:', '- /app/main.js', "  code: 'MODULE_NOT_FOUND'"])).toEqual({ why: "Cannot find module 'pg'", module: 'pg', importer: '/app/main.js' });
  expect(printedFailure(['Cannot find module "users" in the database'])).toBeUndefined();
});
