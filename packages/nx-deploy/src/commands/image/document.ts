/** image.json: what an image consists of and why. It lies beside the layout and is cached with it, so nothing in it varies from run to run. */
import { readFile } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import * as z from 'zod';
import { DeployError, errorCode } from '../../errors.js';
import { LAYER_KINDS, type Build, type LayerReport } from '../../image/builder.js';
import { platformName, stableJson, type Layout, type WrittenLayout } from '../../image/layout/index.js';

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/).meta({ description: 'sha256: and 64 hexadecimal digits.' });
const bytes = (description: string) => z.int().min(0).meta({ description });

const layer = z.strictObject({
  kind: z.enum(LAYER_KINDS).meta({ description: 'What is in it.' }),
  digest: digest.meta({ description: 'Of the compressed layer.' }),
  diffId: digest.meta({ description: 'Of the tar inside.' }),
  size: bytes('Bytes, compressed.'),
  uncompressed: bytes('Bytes of the tar, where it was made by the build.').optional(),
  reason: z.string().meta({ description: 'What it is made of, or why it is there.' }),
  packages: z.array(z.strictObject({
    name: z.string().meta({ description: 'Name of the package.' }),
    version: z.string().meta({ description: 'Its version.' }).optional(),
    size: bytes('Bytes of its files.'),
  })).meta({ description: 'Packages in it, the biggest first.' }).optional(),
});

const platform = z.strictObject({
  platform: z.string().meta({ description: 'os/architecture, with a variant where there is one.', examples: ['linux/amd64'] }),
  digest: digest.meta({ description: 'Of its manifest.' }),
  size: bytes('Bytes of its layers, compressed.'),
  layers: z.array(layer).meta({ description: 'The lowest first.' }),
});

const imageSchema = z.strictObject({
  schema: z.literal(1).meta({ description: 'Version of this form.' }),
  digest: digest.meta({ description: 'The digest of the image: of its manifest, or of the index of its platforms.' }),
  mediaType: z.string().meta({ description: 'Of the manifest or index.' }),
  platforms: z.array(platform).min(1).meta({ description: 'In the order of deploy.json.' }),
  base: z.strictObject({
    reference: z.string().meta({ description: 'As deploy.json or the Dockerfile names it.' }),
    digest: digest.meta({ description: 'What that meant when the image was built.' }),
  }).meta({ description: 'What the image stands on.' }).optional(),
  sizes: z.strictObject({
    total: bytes('Bytes of all layers, each once.'),
    base: bytes('Bytes of the layers of the base.'),
    own: bytes('Bytes of the others.'),
  }).meta({ description: 'Bytes, compressed.' }),
});

export type ImageDocument = z.output<typeof imageSchema>;

/** Published as image.schema.json. */
export function imageJsonSchema(): object {
  return { ...z.toJSONSchema(imageSchema, { target: 'draft-7' }), title: 'image.json of nx-deploy', description: 'What build-image made: digests, layers and sizes.' };
}

export function imageDocument({ root, manifests }: WrittenLayout, { images, base }: Build, workspaceRoot: string): ImageDocument {
  const platforms = images.map(({ platform: name, layers }, index) => ({
    platform: platformName(name), digest: manifests[index]?.digest ?? root.digest, size: sum(layers), layers: layers.map(copied),
  }));
  const layers = [...new Map(platforms.flatMap((each) => each.layers).map((each) => [each.digest, each])).values()];
  const own = sum(layers.filter(({ kind }) => kind !== 'base'));
  return {
    schema: 1, digest: root.digest, mediaType: root.mediaType, platforms,
    ...(base === undefined ? {} : { base: { reference: shownBase(base.reference, workspaceRoot), digest: base.digest } }),
    sizes: { total: sum(layers), base: sum(layers) - own, own },
  };
}

function copied({ kind, digest: of, diffId, size, uncompressed, reason, packages }: LayerReport): ImageDocument['platforms'][number]['layers'][number] {
  return {
    kind, digest: of, diffId, size, reason,
    ...(uncompressed === undefined ? {} : { uncompressed }),
    ...(packages === undefined ? {} : { packages: packages.map(({ name, version, size: taken }) => ({ name, size: taken, ...(version === undefined ? {} : { version }) })) }),
  };
}

/** The path of a layout is another one in every clone. */
function shownBase(reference: string, workspaceRoot: string): string {
  return reference.startsWith('oci:') ? `oci:${relative(workspaceRoot, reference.slice('oci:'.length)).split(sep).join('/')}` : reference;
}

function sum(layers: readonly { readonly size: number }[]): number {
  return layers.reduce((total, { size }) => total + size, 0);
}

/** Keys sorted, so that the same image has the same file. */
export function documentText(document: object): string {
  return `${JSON.stringify(JSON.parse(stableJson(document).toString()), undefined, 2)}\n`;
}

/** @throws DeployError ND-IMAGE-INCOMPLETE when there is none, ND-IMAGE-INVALID when it is damaged or of another image than the layout. */
export async function readImageDocument(file: string, layout: Layout): Promise<ImageDocument> {
  const where = JSON.stringify(file);
  const next = 'build the image again with build-image';
  let value: unknown;
  try {
    value = JSON.parse(await readFile(file, 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new DeployError('ND-IMAGE-INCOMPLETE', { what: 'the image has no image.json', where, next }, { cause: error });
    throw new DeployError('ND-IMAGE-INVALID', { what: 'image.json cannot be read', where, why: errorCode(error) ?? 'it is not JSON', next }, { cause: error });
  }
  const result = imageSchema.safeParse(value);
  if (!result.success) throw new DeployError('ND-IMAGE-INVALID', { what: 'image.json does not have the form of this version', where, next });
  if (result.data.digest !== layout.roots[0]?.digest) throw new DeployError('ND-IMAGE-INVALID', { what: 'image.json is not of the image beside it', where, why: 'one of the two was written by another build', next });
  return result.data;
}
