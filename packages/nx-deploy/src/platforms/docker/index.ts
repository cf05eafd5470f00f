export { openDocker } from './session.js';
export type { Closing, DockerListen, DockerPlace, DockerSession, DockerSteering, DockerTarget, ImageSource } from './target.js';
