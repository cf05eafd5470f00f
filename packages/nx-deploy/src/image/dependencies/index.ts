export { collectImageFiles } from './collect.js';
export { developmentFiles, isDevelopmentPackage } from './development.js';
export { packageOf, type SizedFile } from './packages.js';
export { storedPackages } from './stored-packages.js';
