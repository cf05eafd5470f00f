export { buildDockerfile } from './build.js';
export { fromNxDocker, type NxDockerRequest, type NxDockerTarget } from './nx-docker.js';
