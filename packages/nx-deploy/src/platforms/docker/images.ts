/** Images of releases on an engine, each under a name of its own, so that the engine's own tidying leaves them alone. */
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { DeployError } from '../../errors.js';
import type { ImageRef, Ms, Release } from '../../model/index.js';
import type { ServiceKey } from '../../releases/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { imageTag } from './arguments.js';
import type { ImageSource } from './target.js';

/** A large image over a slow network. */
const TRANSFER: Ms = 30 * 60_000;

export class Images {
  constructor(private readonly client: EngineClient, private readonly key: ServiceKey, private readonly source: ImageSource | undefined) {}

  /** Puts the image of a release on the engine, unless it is there. What a registry has is pulled by its digest; anything else is loaded. */
  async stage(release: Release): Promise<void> {
    const { artifact } = release;
    if (artifact.type !== 'image') {
      throw new DeployError('ND-ABILITY-MISSING', { what: 'a platform with containers runs images, and this release has files', where: release.id, next: 'set "artifact.type" to "image" in deploy.json' });
    }
    const tag = imageTag(this.key, release.id);
    await this.bring(artifact, tag);
    this.staged.add(release.id);
  }

  private async bring(artifact: ImageRef, tag: string): Promise<void> {
    if (await this.isThere(tag, artifact)) return;
    // Another release may have the same image: then its content is there, and lacks only this name.
    if (await this.isThere(artifact.config, artifact)) {
      await this.client.objects.tag('name the image', artifact.config, tag);
      return;
    }
    if (artifact.repository === undefined) await this.load(artifact, tag);
    else await this.pull(artifact, artifact.repository, tag);
    if (await this.isThere(tag, artifact)) return;
    throw new DeployError('ND-ARTIFACT-MISSING', { what: 'the image on the engine is another one than was sent', where: `${this.client.name}: ${tag}`, next: 'build the image again and deploy it' });
  }

  async exists(release: string): Promise<boolean> {
    if (this.staged.has(release)) return true;
    return await this.idOf(imageTag(this.key, release)) !== undefined;
  }

  /** What was put there by this object a moment ago is not looked for again. */
  private readonly staged = new Set<string>();

  /** The content goes when no other image has parts of it. An image that a container of somebody else's runs on stays, without our name. */
  async remove(release: string): Promise<void> {
    this.staged.delete(release);
    const tag = imageTag(this.key, release);
    await this.client.objects.untag(`remove the image of ${release}`, tag);
  }

  /** An engine knows an image by its configuration, or by its manifest where it keeps those (the containerd image store). */
  private async isThere(reference: string, { config, digest }: ImageRef): Promise<boolean> {
    const id = await this.idOf(reference);
    return id === config || id === digest;
  }

  private async idOf(reference: string): Promise<string | undefined> {
    const [found] = await this.client.objects.inspect('look for the image', 'image', [reference]) as readonly ({ readonly Id: string } | undefined)[];
    // podman leaves the name of the digest's kind out.
    return found?.Id.replace(/^(?:sha256:)?/, 'sha256:');
  }

  private async pull(artifact: ImageRef, repository: string, tag: string): Promise<void> {
    const reference = `${repository}@${artifact.digest}`;
    await this.client.ask(`pull ${reference}`, ['pull', '--quiet', reference], { timeout: TRANSFER });
    await this.client.objects.tag('name the image', reference, tag);
  }

  private async load(artifact: ImageRef, tag: string): Promise<void> {
    const { source } = this;
    if (source === undefined) throw new DeployError('ND-ARTIFACT-MISSING', { what: 'the engine has not got the image of this release', where: this.client.name, why: 'no registry is named for it, and this command has no build of it', next: 'deploy it again from its source' });
    const input = new PassThrough();
    const written = source.write(artifact, tag, async (chunk) => {
      if (input.destroyed) throw new DeployError('ND-ENGINE-FAILED', { what: 'the engine stopped reading the image', where: this.client.name, next: 'look at the log of the engine, then deploy again' });
      // The stream may be read later than the writer uses its buffer again.
      if (!input.write(Buffer.from(chunk))) await Promise.race([once(input, 'drain'), once(input, 'close')]);
    }).then(() => { input.end(); });
    // A source that fails ends the client, and why it failed says more than what the client says then.
    written.catch((error: unknown) => input.destroy(error instanceof Error ? error : new Error(String(error))));
    input.on('error', () => undefined);
    const loaded = this.client.ask('load the image', ['load', '--quiet'], { input, timeout: TRANSFER }).finally(() => input.destroy());
    const [, engine] = await Promise.allSettled([written, loaded]);
    if (input.errored !== null) throw input.errored;
    // An engine that took all it wanted may leave the padding at the end: what it made of it is looked at.
    if (engine.status === 'rejected') throw engine.reason;
  }
}
