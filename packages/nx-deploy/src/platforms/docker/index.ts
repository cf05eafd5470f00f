export { openDocker } from './session.js';
export type { DockerListen, DockerPlace, DockerSession, DockerSteering, DockerTarget, ImageSource } from './target.js';
