import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageRef, Release } from '../../model/index.js';
import { temporaryFolder } from '../../shell/programs.spec-support.js';
import { imageTag } from './arguments.js';
import { clientThatSays, type ClientStandIn } from './client.spec-support.js';
import { Images } from './images.js';
import type { ImageSource } from './target.js';

const root = temporaryFolder('images');
const key = { workspace: 'acme', environment: 'production', service: 'api' };
const id = 'r0123456789ab';
const tag = imageTag(key, id);
const [config, digest, other] = ['a', 'b', 'c'].map((letter) => `sha256:${letter.repeat(64)}`) as [string, string, string];
const image: ImageRef = { type: 'image', digest, config, platform: 'linux/amd64', bytes: 1 };
const registered: ImageRef = { ...image, repository: 'images.example.com/team/api' };
const releaseOf = (artifact: Release['artifact']): Release => ({ id, service: 'api', artifact }) as Release;

/** Whatever has a file of its name in the notes is on the engine, with the id that stands in it. */
const IMAGES = `'image inspect '*) name=$(printf '%s' "$3" | tr '/:@' '___'); [ -f "$NOTES/$name" ] || { echo "Error: $3: image not known" >&2; exit 125; }; printf '[{"Id":"%s"}]' "$(cat "$NOTES/$name")" ;;`;
const named = (reference: string): string => reference.replaceAll(/[/:@]/g, '_');
const puts = (reference: string, content: string): string => `printf '%s' '${content}' > "$NOTES/${named(reference)}"`;

function imagesOf(answers: string, source?: ImageSource): { readonly images: Images; readonly engine: ClientStandIn } {
  const engine = clientThatSays(root, `${IMAGES}\n${answers}`);
  return { images: new Images(engine.client, key, source), engine };
}
const changes = ({ asked }: ClientStandIn): readonly string[] => asked().filter((call) => !call.startsWith('image inspect'));

describe('the image of a release', () => {
  it('is refused where the release has files', async () => {
    const { images, engine } = imagesOf('');
    await expect(images.stage(releaseOf({ type: 'directory' } as unknown as Release['artifact']))).rejects.toMatchObject({ code: 'ND-ABILITY-MISSING', parts: { where: id } });
    expect(engine.asked()).toEqual([]);
  });

  it.each([['its configuration', config], ['its configuration, as podman writes it', config.slice('sha256:'.length)], ['its manifest', digest]])('is left as it is where its name has %s', async (_what, there) => {
    const { images, engine } = imagesOf(`'go') ${puts(tag, there)} ;;`);
    await engine.client.ask('prepare', ['go']);
    await images.stage(releaseOf(image));
    expect(changes(engine)).toEqual(['go']);
  });

  it('gets a name of its own where another release has the same one', async () => {
    const { images, engine } = imagesOf(`'go') ${puts(config, config)} ;;\n'image tag '*) ${puts(tag, config)} ;;`);
    await engine.client.ask('prepare', ['go']);
    await images.stage(releaseOf(registered));
    expect(changes(engine)).toEqual(['go', `image tag ${config} ${tag}`]);
  });

  it('is pulled by its digest where a registry has it, and is then known without another look', async () => {
    const { images, engine } = imagesOf(`'pull '*) ;;\n'image tag '*) ${puts(tag, digest)} ;;`);
    expect(await images.exists(id)).toBe(false);
    await images.stage(releaseOf(registered));
    const reference = `images.example.com/team/api@${digest}`;
    expect(changes(engine)).toEqual([`pull --quiet ${reference}`, `image tag ${reference} ${tag}`]);
    const before = engine.asked().length;
    expect(await images.exists(id)).toBe(true);
    expect(engine.asked()).toHaveLength(before);
  });

  it('is not taken for another one that came in its place', async () => {
    const { images } = imagesOf(`'pull '*) ;;\n'image tag '*) ${puts(tag, other)} ;;`);
    await expect(images.stage(releaseOf(registered))).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { what: 'the image on the engine is another one than was sent', where: `podman: ${tag}` } });
  });

  it('is missing where neither the engine, nor a registry, nor this command has it', async () => {
    const { images } = imagesOf('');
    await expect(images.stage(releaseOf(image))).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { what: 'the engine has not got the image of this release' } });
    await expect(images.exists(id)).resolves.toBe(false);
  });

  it('says why a registry does not give it', async () => {
    const { images } = imagesOf('\'pull \'*) echo "Error response from daemon: pull access denied for team/api" >&2; exit 1 ;;');
    await expect(images.stage(releaseOf(registered))).rejects.toMatchObject({ code: 'ND-ARTIFACT-MISSING', parts: { what: expect.stringContaining(`pull images.example.com/team/api@${digest}`) as string } });
  });
});

describe('an image that no registry has', () => {
  /** Many times what a pipe holds, from one buffer that is used again. */
  const large: ImageSource = {
    async write(_image, _tag, sink) {
      const buffer = Buffer.alloc(64 * 1024);
      for (let piece = 0; piece < 64; piece += 1) await sink(buffer.fill(piece));
    },
  };

  it('is loaded whole, under its name', async () => {
    const { images, engine } = imagesOf(`'load --quiet') cat > "$NOTES/loaded"; ${puts(tag, config)} ;;`, large);
    await images.stage(releaseOf(image));
    const loaded = readFileSync(join(engine.notes, 'loaded'));
    expect(loaded).toHaveLength(64 * 64 * 1024);
    expect(Array.from({ length: 64 }, (_, piece) => loaded.subarray(piece * 65_536, (piece + 1) * 65_536).every((byte) => byte === piece))).not.toContain(false);
  });

  it('may have padding that the engine does not read', async () => {
    const { images } = imagesOf(`'load --quiet') head -c 1000 > /dev/null; ${puts(tag, config)} ;;`, { write: async (_image, _tag, sink) => sink(Buffer.alloc(8_000)) });
    await expect(images.stage(releaseOf(image))).resolves.toBeUndefined();
  });

  it('that cannot be read is told as such, whatever the engine says of the half that it got', async () => {
    const gone: ImageSource = { write: async (_image, _tag, sink) => { await sink(Buffer.alloc(100)); throw new Error('the layer is gone'); } };
    const { images, engine } = imagesOf('\'load --quiet\') cat > /dev/null; echo "Error: unexpected EOF" >&2; exit 1 ;;', gone);
    await expect(images.stage(releaseOf(image))).rejects.toThrow('the layer is gone');
    expect(existsSync(join(engine.notes, named(tag)))).toBe(false);
    // Somebody else's program may throw what is no error.
    const odd: ImageSource = { write: () => Promise.reject('odd') };
    await expect(imagesOf('\'load --quiet\') cat > /dev/null ;;', odd).images.stage(releaseOf(image))).rejects.toThrow('odd');
  });

  it('that the engine does not take says why, also while it is still being written', async () => {
    const { images } = imagesOf('\'load --quiet\') echo "Error response from daemon: write /var/lib/docker/tmp/x: no space left on device" >&2; exit 1 ;;', large);
    await expect(images.stage(releaseOf(image))).rejects.toMatchObject({ code: 'ND-DISK-FULL', parts: { what: 'podman could not load the image' } });
  });
});

describe('removing the image of a release', () => {
  it('takes its name away, and one that is gone is no failure', async () => {
    const there = imagesOf('\'image rm \'*) ;;');
    await there.images.remove(id);
    expect(there.engine.asked()).toEqual([`image rm ${tag}`]);
    for (const said of ['Error response from daemon: No such image: x', 'Error: x: image not known']) await imagesOf(`'image rm '*) echo '${said}' >&2; exit 1 ;;`).images.remove(id);
  });

  it('fails where a container still runs on it, and says so', async () => {
    const { images } = imagesOf('\'image rm \'*) echo "Error: image used by 5d3a: image is in use by a container: consider listing external containers" >&2; exit 2 ;;');
    await expect(images.remove(id)).rejects.toMatchObject({ code: 'ND-ENGINE-FAILED', parts: { what: `podman could not remove the image of ${id}`, why: expect.stringContaining('in use by a container') as string } });
  });

  it('forgets that it was staged', async () => {
    const { images } = imagesOf(`'pull '*) ;;\n'image tag '*) ${puts(tag, digest)} ;;\n'image rm '*) rm "$NOTES/${named(tag)}" ;;`);
    await images.stage(releaseOf(registered));
    await images.remove(id);
    expect(await images.exists(id)).toBe(false);
  });
});
