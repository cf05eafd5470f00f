/**
 * The agent's program with a state store that ends it by SIGKILL at a given write, and a supervisor that notes what it stops under traffic. The order
 * lies in a file of the home, for one run. Bundled by the tests, never shipped.
 */
import { appendFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentHome } from '../agent/home.js';
import { Supervisor } from '../agent/supervisor.js';
import { LocalService } from '../platforms/local/service.js';
import { targetId } from '../platforms/local/targets.js';
import { die, recorded, type Step } from '../walker/recorded.spec-support.js';
import { KILL_FILE, VIOLATIONS_FILE, type AgentKill } from './kills-order.spec-support.js';
import { UpkeepTimers } from './upkeep-timers.js';

const home = agentHome();
const order = join(home.folder, KILL_FILE);
let counted = { steps: '', count: 0 };

function ordered(): AgentKill | undefined {
  try {
    return JSON.parse(readFileSync(order, 'utf8')) as AgentKill;
  } catch {
    return undefined;
  }
}

async function fall({ both = false, next }: AgentKill): Promise<never> {
  if (next === undefined) rmSync(order, { force: true });
  else {
    writeFileSync(`${order}.next`, JSON.stringify(next));
    renameSync(`${order}.next`, order);
  }
  if (both) {
    const { standby } = JSON.parse(readFileSync(home.lockFile, 'utf8')) as { readonly standby?: { readonly pid: number } };
    if (standby !== undefined) process.kill(standby.pid, 'SIGKILL');
  }
  return die();
}

const step: Step = async (label, write) => {
  const kill = ordered();
  if (kill === undefined) return write();
  counted = { steps: kill.steps, count: counted.steps === kill.steps ? counted.count + 1 : 1 };
  const now = counted.count === kill.at;
  appendFileSync(kill.steps, `${counted.count} ${label}\n`);
  if (now && kill.when === 'before') await fall(kill);
  const written = await write();
  if (now && kill.when === 'after') await fall(kill);
  if (now && typeof kill.when === 'number') setTimeout(() => void fall(kill), kill.when);
  return written;
};

const services = new WeakMap<Supervisor, LocalService>();

function watched(service: LocalService): LocalService {
  services.set(service.supervisor, service);
  Object.defineProperty(service, 'state', { value: recorded(service.state, step) });
  return service;
}

const open = LocalService.open.bind(LocalService);
LocalService.open = async (...args) => watched(await open(...args));
const restore = LocalService.restore.bind(LocalService);
LocalService.restore = async (...args) => {
  const service = await restore(...args);
  return service && watched(service);
};

const stop = Reflect.get(Supervisor.prototype, 'stop');
Supervisor.prototype.stop = function (this: Supervisor, instance) {
  const service = services.get(this);
  const route = service?.host.router.route(service.routeKey);
  const carries = (route?.weights[instance.record.release] ?? 0) > 0 && route?.targets.some((target) => target.id === targetId(instance)) === true;
  if (carries) appendFileSync(join(home.folder, VIOLATIONS_FILE), `${service?.routeKey ?? ''} ${targetId(instance)}\n`);
  return stopping(`stop ${targetId(instance)}`, () => stop.call(this, instance));
};

/** Counted where that is ordered: what ends without a journal. */
function stopping<T>(label: string, work: () => Promise<T>): Promise<T> {
  return ordered()?.stops === true ? step(label, work) : work();
}

const keep = Reflect.get(LocalService.prototype, 'keep');
LocalService.prototype.keep = function (this: LocalService, warm) {
  return stopping('keep', () => keep.call(this, warm));
};

/** Five times as often as of an agent, which looks for questions that are over each ten seconds. */
const OFTEN = 200;
const startTimers = Reflect.get(UpkeepTimers.prototype, 'start');
UpkeepTimers.prototype.start = function (this: UpkeepTimers) {
  Object.assign(Reflect.get(this, 'options') as object, { period: OFTEN });
  startTimers.call(this);
};

void import('../bin/agent.js');
