export * from './atomic-file.js';
export * from './file-state-store.js';
export * from './history.js';
export * from './key.js';
export * from './ledger.js';
export * from './memory-lock.js';
export * from './sealed-config.js';
export * from './state-store.js';
