/** Reaches the state of an engine without the lock: in the container that keeps it where that runs, else in one of its own. */
import type { DeployError } from '../../errors.js';
import type { Ms } from '../../model/index.js';
import type { ServiceKey } from '../../releases/index.js';
import type { EngineClient } from '../../shell/engine/index.js';
import { Keeper, KeeperGone, keeperArguments, type Answer, type Question } from './keeper.js';
import { keepingArguments, type KeeperContainer } from './keeper-container.js';
import { labelArguments } from './labels.js';
import { createVolume } from './volumes.js';

export interface ReadingOptions {
  readonly client: EngineClient;
  readonly key: ServiceKey;
  readonly image: string;
  readonly container: KeeperContainer;
}

/** s without a question after which it ends; the next question starts another one. */
const SILENCE = 300;
/** ms for which what was found missing is not looked for again. */
const MISSING: Ms = 1_000;
/** They make files, and so the volume. */
const MAKING: ReadonlySet<Question['operation']> = new Set(['write', 'create', 'append']);
/** Asked twice they do something else than asked once. */
const UNREPEATABLE: ReadonlySet<Question['operation']> = new Set(['create', 'append', 'aside']);
/** Of what only the container that keeps the state knows. */
const OF_LOCKS: ReadonlySet<Question['operation']> = new Set(['holder', 'end']);

export class ReadingKeeper {
  private opening: Promise<Keeper | undefined> | undefined;
  private keeper: Keeper | undefined;
  /** It is in a container of its own. */
  private apart = false;
  private missing = -Infinity;

  constructor(private readonly options: ReadingOptions) {}

  async ask(question: Question): Promise<Answer> {
    for (let tries = 1; ; tries += 1) {
      if (OF_LOCKS.has(question.operation)) await this.rejoin();
      const keeper = await this.reach(MAKING.has(question.operation));
      if (keeper === undefined) return { word: 'none', content: Buffer.alloc(0) };
      try {
        return await keeper.ask(question);
      } catch (error) {
        if (!(error instanceof KeeperGone)) throw error;
        // The container was started again, say.
        if (tries > 1 || UNREPEATABLE.has(question.operation)) throw this.failure('reach the state of the service', 'the container that keeps it ended, or does not answer');
      }
    }
  }

  async close(): Promise<void> {
    await this.opening?.catch(() => undefined);
    await this.keeper?.close();
  }

  /** The container that keeps the state may have been made since. */
  private async rejoin(): Promise<void> {
    await this.opening?.catch(() => undefined);
    if (this.keeper === undefined || !this.apart || await this.options.container.running() === undefined) return;
    const { keeper } = this;
    this.keeper = undefined;
    await keeper.close();
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
        return keeper;
      }).finally(() => { this.opening = undefined; });
    }
    return this.opening;
  }

  private async open(make: boolean): Promise<Keeper | undefined> {
    const { client, key, image, container } = this.options;
    const { volume } = container;
    const running = await container.running();
    if (running !== undefined) {
      const opened = await container.enter(running, SILENCE);
      this.apart = false;
      // It may have ended by now.
      if (opened instanceof Keeper) return opened;
    }
    if (!make && !await this.exists()) return undefined;
    if (make) await createVolume(client, volume, 'state');
    const opened = await Keeper.open(client, ['run', '--rm', '--interactive', ...labelArguments(key, 'keeper'), ...keepingArguments(volume), image, ...keeperArguments(SILENCE)]);
    this.apart = true;
    if (opened instanceof Keeper) return opened;
    throw this.failure('start a container that reads the state of the service', 'complaints' in opened ? opened.complaints : 'it has no folder of it');
  }

  private async exists(): Promise<boolean> {
    const { client, container: { volume } } = this.options;
    const [found] = await client.objects.inspect('look for the state of services', 'volume', [volume]);
    return found !== undefined;
  }

  private failure(what: string, said: string): DeployError {
    return this.options.client.failure(what, said);
  }
}
