export { apply } from './apply.js';
export { unsupportedGates } from './gates.js';
export type { ApplyRequest, ApplyResult, Deadlines, Effect } from './request.js';
