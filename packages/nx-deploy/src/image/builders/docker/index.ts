export { buildDockerfile } from './build.js';
export type { NxDockerTarget } from './nx-docker.js';
export { nxDockerImage } from './nx-image.js';
