const transform = {
  '^.+\\.[cm]?[jt]s$': ['@swc/jest', {
    jsc: { target: 'es2022', parser: { syntax: 'typescript' }, keepClassNames: true },
    module: { type: 'commonjs' },
  }],
};
/** ESM-only libraries that jest's CommonJS runtime needs transformed. */
const esm = ['execa', '@sindresorhus', 'figures', 'get-stream', 'human-signals', 'is-plain-obj', 'is-stream', 'is-unicode-supported',
  'npm-run-path', 'parse-ms', 'path-key', 'pretty-ms', 'strip-final-newline', 'unicorn-magic', 'yoctocolors', '@sec-ant', 'age-encryption', '@noble', '@scure'];
const base = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform,
  transformIgnorePatterns: [`/node_modules/(?!(${esm.join('|')})/)`],
  moduleNameMapper: {
    '^nx-(health|env-sync|build-manifest)$': '<rootDir>/packages/nx-$1/src/index.ts',
    // Tools use what is built; their tests what is written.
    '^nx-health/endpoint$': '<rootDir>/packages/nx-health/src/endpoint/index.ts',
    '^nx-deploy/dist/(.*)\\.js$': '<rootDir>/packages/nx-deploy/src/$1.ts',
    '^(\\.{1,2}/.*)\\.js$': '$1',
    // Its exports name no file for `require`.
    '^unicorn-magic$': '<rootDir>/node_modules/unicorn-magic/node.js',
  },
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/(?:packages|apps)/[^/]+/dist', '<rootDir>/tmp'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
};
const setupFilesAfterEnv = ['<rootDir>/tools/load/end-loads.spec-support.ts'];
/** @type {import('jest').Config} */
module.exports = {
  projects: [
    { ...base, displayName: 'unit', testMatch: ['<rootDir>/{packages,apps,tools,e2e}/**/*.spec.ts'], testPathIgnorePatterns: [...base.testPathIgnorePatterns, '\\.contract\\.spec\\.ts$', '\\.e2e\\.spec\\.ts$', '<rootDir>/tools/load/'] },
    { ...base, displayName: 'contract', setupFilesAfterEnv, testMatch: ['<rootDir>/packages/**/*.contract.spec.ts'] },
    { ...base, displayName: 'e2e', testMatch: ['<rootDir>/e2e/**/*.e2e.spec.ts'], testPathIgnorePatterns: [...base.testPathIgnorePatterns, '\\.load\\.e2e\\.spec\\.ts$'] },
    { ...base, displayName: 'load', setupFilesAfterEnv, testMatch: ['<rootDir>/e2e/**/*.load.e2e.spec.ts', '<rootDir>/tools/load/**/*.spec.ts'] },
  ],
  testTimeout: 60000,
  collectCoverageFrom: ['packages/*/src/**/*.ts', '!**/*.spec.ts', '!**/*.spec-support.ts', '!**/spec-support/**', '!packages/nx-deploy/src/platforms/contract/**', '!packages/*/src/generators/*/files/**'],
  coverageReporters: ['text-summary', 'json-summary', 'json', 'lcov'],
};
