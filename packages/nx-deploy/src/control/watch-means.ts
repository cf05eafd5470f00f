/**
 * What a watch needs and its record must not hold, for there are secrets in it: values of variables for checks, hooks and channels. It is kept as the
 * configurations of releases are, in a file that only the owner reads, and no longer than the watch.
 */
import type { ChangeRequest, Hooks } from '../engine/request.js';
import { variablesOf, type Probe, type WatchTerms } from '../model/index.js';
import type { WatchRecord } from '../platforms/local/watch-record.js';
import type { ConfigValues, StateStore } from '../releases/index.js';
import { pick } from '../shell/environment.js';

export interface WatchMeans extends Pick<ChangeRequest, 'probing' | 'notify'> {
  readonly hooks?: Hooks;
}

/** Undefined where the record is all that a watch needs. */
export function meansOf({ run, probing, notify = [], watch }: ChangeRequest): ConfigValues | undefined {
  const probes = watch?.terms?.probes.filter(needsMeans) ?? [];
  const { before = [], after = [] } = watch?.rollbackHooks ?? {};
  const parts: WatchMeans = {
    ...(probing === undefined || probes.length === 0 ? {} : { probing: { ...probing, variables: pick(probing.variables, probes.flatMap(variablesOf)) } }),
    ...(notify.length === 0 ? {} : { notify }),
    ...(before.length + after.length === 0 ? {} : { hooks: { before, after } }),
  };
  const names = Object.keys(parts);
  if (names.length === 0) return undefined;
  // With the name of the run the file is that of one watch, and goes with it.
  return { values: { run, ...Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, JSON.stringify(part)])) }, secrets: names };
}

/** Undefined when they are lost: the record has none, or what is kept is gone or was changed. */
export async function openMeans({ config }: StateStore, { means }: WatchRecord): Promise<WatchMeans | undefined> {
  if (means === undefined) return undefined;
  try {
    const { values: { probing, notify, hooks } } = await config.open(means);
    return { ...parsed('probing', probing), ...parsed('notify', notify), ...parsed('hooks', hooks) };
  } catch {
    return undefined;
  }
}

/** Its digest says that it is what {@link meansOf} wrote. */
function parsed(name: keyof WatchMeans, text: string | undefined): WatchMeans {
  return text === undefined ? {} : { [name]: JSON.parse(text) as unknown };
}

/** What a watch goes on without when its means are lost, for people. */
export function missing({ terms, hooks, means }: WatchRecord): readonly string[] {
  const probes = terms?.probes.filter(needsMeans) ?? [];
  return [
    ...(probes.length === 0 ? [] : [`its checks ${probes.map(({ name }) => name).join(', ')}`]),
    ...(hooks === 0 ? [] : [`its ${hooks} rollback hooks`]),
    ...(means?.keys['notify'] === undefined ? [] : ['its notifications']),
  ];
}

/** The checks that can be made with nothing but the record. */
export function withoutMeans(terms: WatchTerms): WatchTerms {
  return { ...terms, probes: terms.probes.filter((probe) => !needsMeans(probe)) };
}

/** Variables, or a folder to run in. */
function needsMeans(probe: Probe): boolean {
  return probe.target.type === 'command' || variablesOf(probe).length > 0;
}
