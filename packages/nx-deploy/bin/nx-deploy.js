#!/usr/bin/env node
'use strict';
// No output of the build: a package manager links a program only when its file is there, and a clone is installed before it is built.
const { existsSync } = require('node:fs');
const { join } = require('node:path');

const program = join(__dirname, '../dist/bundles/nx-deploy.js');
if (existsSync(program)) {
  require(program).start();
} else {
  process.stderr.write('nx-deploy is not built yet: run "npm run prepare" in the repository\n');
  process.exitCode = 1;
}
