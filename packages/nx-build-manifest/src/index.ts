export { buildFacts, serviceName, type BuildFacts, type BuildQuery } from './build-facts.js';
export { commitsBetween, MOST_COMMITS, type CommitLine } from './commits-between.js';
export { gitFacts, type GitFacts } from './git.js';
export { buildManifest, writeManifest, type BuildManifest, type ManifestQuery } from './manifest.js';
export { outputFacts, type OutputFacts, type OutputFile } from './output-facts.js';
