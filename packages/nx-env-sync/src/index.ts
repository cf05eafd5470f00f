export { isEnvironmentName, knownEnvironments } from './environment-name.js';
export { loadEnvironment, type EnvironmentQuery, type LoadedEnvironment } from './load-environment.js';
export { parseEnvDocument, type EnvDocument, type EnvDocumentEntry } from './edit/document.js';
export { isVariableName, parseEnvFile, type EnvEntry, type ParsedEnvFile } from './parse-env-file.js';
export { formatProblem, type EnvProblem } from './problem.js';
export { isReservedName } from './reserved-names.js';
export { EnvSyncError, errorLines, type ErrorParts } from './errors.js';
export { mergeSchemas, parseSchema, schemaForTier, isSecret, type EnvSchema, type KeyRule, type SchemaReading } from './schema.js';
export { deprecationOf, isProtected, renamesOf, syncPolicyOf, type SyncPolicy } from './traits.js';
