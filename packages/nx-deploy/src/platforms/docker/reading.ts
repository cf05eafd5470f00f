/** Reaches the state of an engine without the lock: beside the router where that runs, else in a container of its own. */
import type { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { ServiceKey } from '../../releases/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { Keeper, KeeperGone, keeperArguments, type Answer, type Question } from './keeper.js';
import { labelArguments, LABELS, ROUTER_CONTAINER, STATE_VOLUME } from './labels.js';
import { keepingArguments } from './lock.js';
import { createVolume } from './volumes.js';

export interface ReadingOptions {
  readonly client: EngineClient;
  readonly key: ServiceKey;
  readonly image: string;
  readonly volume: string;
}

/** s without a question after which it ends; the next question starts another one. */
const SILENCE = 300;
/** ms for which what was found missing is not looked for again. */
const MISSING: Ms = 1_000;
/** They make files, and so the volume. */
const MAKING: ReadonlySet<Question['operation']> = new Set(['write', 'create', 'append']);
/** Asked twice they do something else than asked once. */
const UNREPEATABLE: ReadonlySet<Question['operation']> = new Set(['create', 'append', 'aside']);

export class ReadingKeeper {
  private opening: Promise<Keeper | undefined> | undefined;
  private keeper: Keeper | undefined;
  private missing = -Infinity;
  /** The volume is there. */
  found = false;

  constructor(private readonly options: ReadingOptions) {}

  async ask(question: Question): Promise<Answer> {
    for (let tries = 1; ; tries += 1) {
      const keeper = await this.reach(MAKING.has(question.operation));
      if (keeper === undefined) return { word: 'none', content: Buffer.alloc(0) };
      try {
        return await keeper.ask(question);
      } catch (error) {
        if (!(error instanceof KeeperGone)) throw error;
        // The router was started again, say.
        if (tries > 1 || UNREPEATABLE.has(question.operation)) throw this.failure('reach the state of the service', 'the container that keeps it ended, or does not answer');
      }
    }
  }

  async close(): Promise<void> {
    await this.opening?.catch(() => undefined);
    await this.keeper?.close();
  }

  /** Undefined where there is no state, unless it is to be made. */
  private async reach(make: boolean): Promise<Keeper | undefined> {
    // Those who ask at once share one.
    while (this.opening !== undefined) await this.opening.catch(() => undefined);
    if (this.keeper !== undefined && !this.keeper.ended) return this.keeper;
    if (this.opening === undefined) {
      if (!make && performance.now() - this.missing < MISSING) return undefined;
      this.opening = this.open(make).then((keeper) => {
        this.keeper = keeper;
        if (keeper === undefined) this.missing = performance.now();
        else this.found = true;
        return keeper;
      }).finally(() => { this.opening = undefined; });
    }
    return this.opening;
  }

  private async open(make: boolean): Promise<Keeper | undefined> {
    const { client, key, image, volume } = this.options;
    const router = volume === STATE_VOLUME ? await this.router() : undefined;
    if (router !== undefined) {
      const opened = await Keeper.open(client, ['exec', '--interactive', '--user=0:0', router, 'sh', ...keeperArguments(SILENCE)]);
      // It may have ended by now, or be an older one without the volume.
      if (opened instanceof Keeper) return opened;
    }
    if (!make && !await this.exists()) return undefined;
    if (make) await createVolume(client, volume, 'state');
    const opened = await Keeper.open(client, ['run', '--rm', '--interactive', ...labelArguments(key, 'keeper'), ...keepingArguments(volume), image, ...keeperArguments(SILENCE)]);
    if (opened instanceof Keeper) return opened;
    throw this.failure('start a container that reads the state of the service', 'complaints' in opened ? opened.complaints : 'it has no folder of it');
  }

  /** The id of the router's container, where it runs and is nx-deploy's. */
  private async router(): Promise<string | undefined> {
    const [found] = await this.options.client.objects.list('look for the router', { name: ROUTER_CONTAINER, labels: [`${LABELS.role}=router`], running: true });
    return found?.id;
  }

  private async exists(): Promise<boolean> {
    const { client, volume } = this.options;
    const [found] = await client.objects.inspect('look for the state of services', 'volume', [volume]);
    return found !== undefined;
  }

  private failure(what: string, said: string): DeployError {
    return this.options.client.failure(what, said);
  }
}
