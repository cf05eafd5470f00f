/** How long the commands take on the local platform, with the sample service as it deploys itself: two instances, one after the other. */
import { against, median, medianDifference, ms, span } from './figures.js';
import { Shop, type Document } from './shop.js';
import { table } from './table.js';

const ROUNDS = 2;
/** An instance is ready after two checks that pass, and the sample service is checked every 200 ms. */
const HEALTH_MS = 200;
const DEPLOY_AIM = 1_500;
const LOOK_AIM = 300;
const WARM_AIM = 500;

class Figures {
  readonly wall: number[] = [];
  /** What the result itself says; nothing for a command that does not. */
  readonly told: number[] = [];

  add(wall: number, told: number | undefined): void {
    this.wall.push(wall);
    if (told !== undefined) this.told.push(told);
  }
}

const KINDS = ['node', 'service', 'deploy', 'no-op', 'status', 'rollback', 'warm', 'nx nothing', 'nx status', 'nx no-op'] as const;
type Kind = (typeof KINDS)[number];

/** Prints its table. */
export async function benchCommands(runs: number, print: (text: string) => void): Promise<void> {
  print('\n== Commands: sample-service on the local platform ==\n');
  const shop = await Shop.open();
  const figures = Object.fromEntries(KINDS.map((kind) => [kind, new Figures()])) as Record<Kind, Figures>;
  try {
    // The first of all starts the agent, makes Nx's project graph, and leaves something to go back to.
    shop.change();
    await shop.bin('deploy');
    await shop.bin('deploy', 'warm');
    for (let index = 0; index < runs; index += 1) await once(shop, figures);
  } finally {
    await shop.close();
  }
  report(figures, runs, print);
}

async function once(shop: Shop, figures: Readonly<Record<Kind, Figures>>): Promise<void> {
  const bin = async (kind: Kind, command: string, outcome: Document['outcome'], environment?: string): Promise<void> => {
    const { wall, document } = await shop.bin(command, environment);
    if (document.outcome !== outcome) throw new Error(`${command} ended as ${document.outcome}, not as ${outcome}`);
    figures[kind].add(wall, document.durationMs);
  };
  figures.node.add((await shop.node()).wall, undefined);
  figures.service.add(await shop.startOfService(), undefined);
  shop.change();
  await bin('deploy', 'deploy', 'done');
  await bin('no-op', 'deploy', 'unchanged');
  await bin('status', 'status', 'done');
  figures['nx nothing'].add((await shop.nx('nothing')).wall, undefined);
  figures['nx status'].add((await shop.nx('status', '--configuration=staging')).wall, undefined);
  figures['nx no-op'].add((await shop.nx('deploy', '--configuration=staging')).wall, undefined);
  await bin('rollback', 'rollback', 'done');
  await shop.bin('deploy', 'warm');
  await bin('warm', 'rollback', 'done', 'warm');
}

function report(figures: Readonly<Record<Kind, Figures>>, runs: number, print: (text: string) => void): void {
  const bare = figures.node.wall;
  const nx = figures['nx nothing'].wall;
  const own = figures.service.wall.map((start) => ROUNDS * (start + HEALTH_MS));
  const above = (kind: Kind): number => medianDifference(figures[kind].wall, own);
  const row = (name: string, kind: Kind, floor: readonly number[] | undefined, aim: string): readonly string[] => {
    const { wall, told } = figures[kind];
    return [name, ms(median(wall)), span(wall, ms), floor === undefined ? '-' : ms(medianDifference(wall, floor)), told.length === 0 ? '-' : ms(median(told)), aim];
  };
  print(`medians of ${runs} runs; differences within each run\n`);
  print(table(['command', 'wall', 'smallest .. largest', 'above bare start', 'durationMs', 'aim'], [
    row('node, doing nothing', 'node', undefined, ''),
    row('nx-deploy deploy', 'deploy', bare, ''),
    row('nx-deploy deploy, nothing to do', 'no-op', bare, against(median(figures['no-op'].wall), { below: LOOK_AIM }, ms)),
    row('nx-deploy status', 'status', bare, against(median(figures.status.wall), { below: LOOK_AIM }, ms)),
    row('nx-deploy rollback', 'rollback', bare, ''),
    row('nx-deploy rollback to a warm release', 'warm', bare, against(median(figures.warm.wall), { below: WARM_AIM }, ms)),
    row('nx run, doing nothing (nx:noop)', 'nx nothing', undefined, ''),
    row('nx run status', 'nx status', nx, ''),
    row('nx run deploy, nothing to do', 'nx no-op', nx, ''),
  ]));
  print(`\nThe service's own start to its first healthy answer: ${ms(median(figures.service.wall))}. Two instances, one after the other, each with ${HEALTH_MS} ms between\nthe two checks that it has to pass: ${ms(median(own))} that no deploy can do without.\n`);
  print(table(['above the service\'s own start and health time', 'median', 'aim'], [
    ['nx-deploy deploy', ms(above('deploy')), against(above('deploy'), { below: DEPLOY_AIM }, ms)],
    ['nx-deploy rollback', ms(above('rollback')), ''],
  ]));
}
