/** The artifact of a deploy.json: the files of a built project, a package or an image of them, or an image of a Dockerfile. */
import * as z from 'zod';
import { bundle, dependencies, entry, fromProject, INSIDE, list, path, RELATIVE, texts, VARIABLE } from './artifact-values.js';
import { packaged } from './package-schema.js';
import { suggest } from './suggest.js';
import { argv, section, text, whole } from './values.js';

/** What engines and registries commonly have images for. `linux/arm64` is `linux/arm64/v8`. */
export const IMAGE_PLATFORMS = ['linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/arm/v6', 'linux/386', 'linux/ppc64le', 'linux/s390x', 'linux/riscv64'] as const;
export const TAG_TOKENS = ['version', 'commit', 'branch', 'hash'] as const;
export type TagToken = (typeof TAG_TOKENS)[number];

const TOKEN = `\\{(${TAG_TOKENS.join('|')})\\}`;
const USER_PART = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}';
const REPOSITORY = '^[!-?A-~]{1,255}$';

const word = (described: { description: string; examples?: string[] }) => text('^[^\\0]+$', 'text that is not empty, without NUL', described);

const files = section({
  type: z.literal('files').meta({ description: 'The files of a built project.' }),
  path,
  entry,
  dependencies: z.enum(['bundled', 'traced'], { error: 'must be "bundled" or "traced"' })
    .meta({ description: 'bundled: "path" holds all that runs. traced: the modules that "entry" loads are found and taken along.', default: 'bundled' }).optional(),
});

const platformError = (issue: { readonly input?: unknown }): string => {
  const near = typeof issue.input !== 'string' ? undefined : /arm64|aarch64/i.test(issue.input) ? 'linux/arm64' : suggest(issue.input, IMAGE_PLATFORMS);
  return `must be one of ${IMAGE_PLATFORMS.join(', ')}${near === undefined ? '' : ` (did you mean "${near}"?)`}`;
};
const platforms = list(z.enum(IMAGE_PLATFORMS, { error: platformError }).meta({ description: 'Operating system and architecture.' }), 'platforms')
  .min(1, { error: 'must name at least one platform' })
  .refine((names) => new Set(names).size === names.length, { error: 'must name each platform once' })
  .meta({ description: 'What the image runs on; several make an index of an image for each. Fixed, so that every machine builds the same image.', default: ['linux/amd64'], examples: [['linux/amd64', 'linux/arm64']] });

const labels = texts('^(?!io\\.nx-deploy\\.)[A-Za-z0-9]([A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?$', 'a label of letters, digits, ".", "_", "/" and "-", and none of "io.nx-deploy.", which the build sets itself', 'labels')
  .meta({ description: 'Labels beside those that the build sets. Everybody who has the image can read them.', examples: [{ 'org.opencontainers.image.source': 'https://git.example.com/shop' }] });

const tagError = 'must be a tag of at most 128 letters, digits, "_", "." and "-" that begins with none of the last two, and may hold {version}, {commit}, {branch} and {hash}';
const tag = z.string({ error: tagError })
  .check((check) => {
    const unknown = [...check.value.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? '').filter((name) => !TAG_TOKENS.some((token) => token === name));
    const [first] = unknown;
    if (first === undefined) return;
    const near = suggest(first, TAG_TOKENS);
    check.issues.push({ code: 'custom', input: check.value, message: `must hold no token but {${TAG_TOKENS.join('}, {')}}${near === undefined ? '' : ` (did you mean "{${near}}"?)`}`, continue: false });
  })
  .regex(new RegExp(`^(${TOKEN}|[A-Za-z0-9_])(${TOKEN}|[A-Za-z0-9_.-]){0,127}$`), { error: tagError })
  .meta({ description: 'A tag, or a template of one.' });

const pushError = 'must be the name of a repository, or an object with "repository" and "tags"';
const repository = text(REPOSITORY, 'the name of a repository like "images.example.com/team/api", without tag and digest', {
  description: 'Registry and name, without tag and digest.', examples: ['images.example.com/team/api'],
});
const push = list(z.union([repository, section({
  repository,
  tags: list(tag, 'tags').min(1, { error: 'must have at least one tag' })
    .meta({ description: 'Tags and templates: {version} is that of package.json, {commit} the commit\'s first 12 digits, {branch} the branch made fit for a tag, {hash} the first 12 digits of the image\'s digest.', default: ['{hash}'], examples: [['{version}', '{branch}-{commit}', 'latest']] }).optional(),
})], { error: pushError }), 'repositories')
  .meta({ description: 'Where push-image brings the image.', default: [], examples: [['images.example.com/team/api'], [{ repository: 'images.example.com/team/api', tags: ['{version}', 'latest'] }]] });

const HOST = '^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:[0-9]{1,5})?$';
const plainHttp = list(text(HOST, 'a host, or host:port, without scheme and path', { description: 'Host, or host:port.' }), 'hosts')
  .meta({ description: 'Registries that may be spoken to by http although they are not loopback. Nothing that is sent there is secret.', default: [], examples: [['images.lan:5000']] });

const shared = { platforms: platforms.optional(), labels: labels.optional(), push: push.optional(), plainHttp: plainHttp.optional() };
const image = z.literal('image').meta({ description: 'An image, which build-image makes.' });

const oci = section({
  type: image,
  builder: z.literal('oci').meta({ description: 'Puts the image of a Node service together by itself, without an engine.', default: 'oci' }).optional(),
  path,
  entry,
  dependencies,
  bundle,
  base: text('^(oci:[^\\0\\\\]+|[!-~]{1,600})$', 'an image like "node:22-slim", or "oci:" and the folder of a layout, relative to the project or beginning with {workspaceRoot}', {
    description: 'Image that it stands on.', default: 'node:22-slim', examples: ['node:22-slim', 'oci:{workspaceRoot}/images/node'],
  }).optional(),
  assets: list(text(INSIDE, 'a pattern of files below "path", with "/" between its parts', { description: 'Pattern, relative to "path".' }), 'patterns')
    .meta({ description: 'Files that change less often than the code: a layer of their own.', default: [], examples: [['public/**']] }).optional(),
  user: text(`^${USER_PART}(:${USER_PART})?$`, 'a user like "1000:1000" or "node"', { description: 'User and group that the service runs as.', default: '1000:1000', examples: ['node'] }).optional(),
  port: whole(1, 65_535, { description: 'Port that the image exposes and that PORT names; default: the service\'s own "port", else 3000.', examples: [3000] }).optional(),
  env: texts(VARIABLE, 'the name of an environment variable', 'variables')
    .meta({ description: 'Variables that are the same in every environment, never secrets: everybody who has the image can read them.', examples: [{ TZ: 'UTC' }] }).optional(),
  command: argv({ description: 'What starts the service in the image; default: "command" at the top, else node and the entry.', examples: [['node', '--enable-source-maps', 'main.js']] }).optional(),
  ...shared,
});

const secretError = 'must be an object with "id" and either "env" or "file"';
const secret = section({
  id: text('^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$', 'a name of letters, digits, "_", "." and "-"', { description: 'Name that the Dockerfile mounts it by.', examples: ['npm-token'] }),
  env: text(VARIABLE, 'the name of an environment variable', { description: 'Variable of the command\'s own environment that holds the secret.', examples: ['NPM_TOKEN'] }).optional(),
  file: text('^[^\\0\\\\]+$', 'a file', { description: 'File that holds the secret: absolute, relative to the project, or beginning with {workspaceRoot}.', examples: ['/run/secrets/npm-token'] }).optional(),
}).refine(({ env, file }) => (env === undefined) !== (file === undefined), { error: secretError })
  .meta({ description: 'A secret of the build.', minProperties: 2, maxProperties: 2 });

const engine = z.enum(['docker', 'podman'], { error: 'must be "docker" or "podman"' }).meta({ description: 'What builds it.', default: 'docker' });
const cache = (description: string, examples: string[][]) => list(word({ description: 'As docker build takes it.' }), 'caches').meta({ description, default: [], examples });
/** What docker:build of `@nx/docker` does not say. */
const engineKeys = {
  secrets: list(secret, 'secrets').meta({ description: 'Mounted while it is built; no value becomes part of the image, of an argument or of the cache.', default: [], examples: [[{ id: 'npm-token', env: 'NPM_TOKEN' }]] }).optional(),
  cacheFrom: cache('Where layers may be taken from.', [['type=registry,ref=images.example.com/team/api:cache']]).optional(),
  cacheTo: cache('Where layers are put for the next build.', [['type=inline']]).optional(),
  ...shared,
};

const docker = section({
  type: image,
  builder: z.literal('docker').meta({ description: 'An engine builds a Dockerfile, in any language.' }),
  dockerfile: text(RELATIVE, fromProject('file'), { description: 'The Dockerfile, relative to the project.', default: 'Dockerfile', examples: ['{workspaceRoot}/docker/api.Dockerfile'] }).optional(),
  context: text(RELATIVE, fromProject('folder'), { description: 'Folder whose files the Dockerfile may copy, relative to the project.', default: '.', examples: ['{workspaceRoot}'] }).optional(),
  target: text('^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$', 'the name of a stage', { description: 'Stage of the Dockerfile; default: the last.', examples: ['production'] }).optional(),
  args: texts(VARIABLE, 'the name of a build argument', 'build arguments')
    .meta({ description: 'Build arguments, never secrets: they can be read in the image\'s history.', examples: [{ NODE_VERSION: '22' }] }).optional(),
  engine: engine.optional(),
  ...engineKeys,
});

const nxDocker = section({
  type: image,
  builder: z.literal('@nx/docker').meta({ description: 'The arguments of the project\'s docker:build target say what is built.' }),
  ...engineKeys,
});

/** The error of a choice by a key: also told of what is no object, which has none. */
const choice = (error: string) => ({ input }: { readonly input?: unknown }): string => (typeof input === 'object' && input !== null && !Array.isArray(input) ? error : 'must be an object');
export const artifactSchema = z.discriminatedUnion('type', [
  files, packaged, z.discriminatedUnion('builder', [oci, docker, nxDocker], { error: choice('must be "oci", "docker" or "@nx/docker"') }),
], { error: choice('must be "files", "image" or "package"') }).meta({ description: 'What is deployed.' });

export type ArtifactConfig = z.output<typeof artifactSchema>;
export type ImageConfig = Extract<ArtifactConfig, { type: 'image' }>;
export type PackageConfig = Extract<ArtifactConfig, { type: 'package' }>;
export type OciConfig = z.output<typeof oci>;
export type DockerConfig = Exclude<ImageConfig, OciConfig>;
export type PushConfig = NonNullable<ImageConfig['push']>[number];
