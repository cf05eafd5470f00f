export { ociBuilder, type CollectFiles, type OciSettings } from './builder.js';
