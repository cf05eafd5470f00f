export { openRegistries, type Registries, type RegistriesOptions } from './client.js';
export { parseManifest, type Document } from './manifest.js';
export type { OnRegistryEvent, RegistryEvent } from './progress.js';
export type { PulledManifest, PullOptions } from './pull.js';
export type { PushOptions, PushResult, PushSource } from './push.js';
export { checkTag, familiarReference, formatReference, parseReference, parseRepository, withTag, type Reference, type Repository } from './reference.js';
