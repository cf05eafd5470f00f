export { askedThrough, type AskingTask, type TaskGraphView } from './asked-environment.js';
export { isEnvironmentName, knownEnvironments } from './environment-name.js';
export { loadEnvironment, type EnvironmentQuery, type LoadedEnvironment } from './load-environment.js';
export { isVariableName, parseEnvFile, type EnvEntry, type ParsedEnvFile } from './parse-env-file.js';
export { formatProblem, type EnvProblem } from './problem.js';
export { isReservedName } from './reserved-names.js';
