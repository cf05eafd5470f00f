/** What deploy.json says of the strategy, with its defaults. */
import { DeployError } from '../errors.js';
import { formatDuration, needsBaseline, parseDuration } from '../model/index.js';
import type { Analysis, Check, Ms, Probe } from '../model/index.js';
import { quoted } from './document.js';
import type { Path } from './document.js';
import type { ApprovalOption, BlueGreenOptions, CanaryOptions, CanaryStep, StrategyOptions } from './resolved.js';
import { DEFAULT_BASELINE, DEFAULT_MINIMUM, rulesOf } from './limit-schema.js';
import { METRICS } from './rule.js';
import {
  AVAILABLE_STRATEGIES, DEFAULT_ERROR_RATE, DEFAULT_EXPIRES, DEFAULT_KEEP_WARM, DEFAULT_STEP_SOAK, DEFAULT_STEPS,
} from './strategy-schema.js';
import type { StrategyConfig } from './strategy-schema.js';
import { suggest } from './suggest.js';
import { LONGEST } from './values.js';

type Given<Type extends string> = Partial<Extract<Exclude<StrategyConfig, string>, { readonly type: Type }>>;
type Complain = (path: Path, text: string) => void;

export interface StrategyRequest {
  readonly given: StrategyConfig | undefined;
  /** Name on the command line: what the file says holds if it is of the same type, else the defaults of that strategy. */
  readonly override: string | undefined;
  readonly healthPath: string;
  /** The checks of these names; `at` is where they stand, relative to the strategy. */
  readonly probes: (names: readonly string[], at: Path) => readonly Probe[];
  /** `path` is relative to the strategy. */
  readonly complain: Complain;
}

const DEFAULT_BATCH = 25;
/** Time that a deploy has beside its soaks, unless deploy.json says otherwise. */
const DEFAULT_DEADLINE: Ms = 1_200_000;

/** @throws DeployError ND-OPTION-INVALID for a strategy that does not exist on the command line. */
export function resolveStrategy(request: StrategyRequest): StrategyOptions {
  const { given, override } = request;
  const spelled = typeof given === 'object' ? given : undefined;
  const name = override ?? spelled?.type ?? (typeof given === 'string' ? given : 'rolling');
  const type = AVAILABLE_STRATEGIES.find((known) => known === name);
  switch (type) {
    case 'recreate':
      return { type };
    case 'rolling':
      return { type, batch: spelled?.type === type ? spelled.batch ?? DEFAULT_BATCH : DEFAULT_BATCH };
    case 'blue-green':
      return blueGreen(spelled?.type === type ? spelled : {}, request);
    case 'canary':
      return canary(spelled?.type === type ? spelled : {}, request);
    case undefined: {
      const near = suggest(name, AVAILABLE_STRATEGIES);
      throw new DeployError('ND-OPTION-INVALID', {
        what: 'the option --strategy cannot be used so', why: `there is no strategy ${quoted(name)}`,
        next: `${near === undefined ? '' : `did you mean "${near}"? `}choose one of: ${AVAILABLE_STRATEGIES.join(', ')}`,
      });
    }
  }
}

function blueGreen(given: Given<'blue-green'>, request: StrategyRequest): BlueGreenOptions {
  const soak = ms(given.soak, '0s');
  const analyse = analysis(given.analyse === false ? {} : { ...given.analyse }, request);
  if (given.analyse !== undefined && given.analyse !== false && soak === 0) request.complain(['analyse'], 'must have a "soak" beside it, for example "5m": without one there is nothing to judge');
  checkRules(given.analyse, analyse, request);
  for (const { metric, of } of analyse?.rules ?? []) {
    if (of === 'stable') request.complain(['analyse', metric], 'must be a number or compare with "baseline": in the soak of blue-green no other release has traffic');
  }
  return {
    type: 'blue-green', smoke: smoke(given.smoke, request), soak, keepWarm: ms(given.keepWarm, DEFAULT_KEEP_WARM),
    ...optional('analyse', analyse), ...optional('approve', approval(given.approve, 'give the new release all of the traffic?')),
  };
}

function canary(given: Given<'canary'>, request: StrategyRequest): CanaryOptions {
  const steps = (given.steps ?? DEFAULT_STEPS).map(step);
  const soak = ms(given.soak, '0s');
  const analyse = given.analyse === false ? undefined : analysis({ errorRate: DEFAULT_ERROR_RATE, ...given.analyse }, request);
  if (given.analyse !== undefined && given.analyse !== false && [soak, ...steps.map((each) => each.soak)].every((each) => each === 0)) {
    request.complain(['analyse'], 'must have a "soak" in one of the steps: without one there is nothing to judge');
  }
  if (soak > 0 && analyse !== undefined && analyse.probes === undefined && analyse.rules.every(({ of }) => of === 'stable')) {
    request.complain(['analyse'], 'must have a limit that is a number or compares with "baseline", or checks: in the "soak" beside the steps no other release has traffic');
  }
  return {
    type: 'canary', steps, smoke: smoke(given.smoke, request), soak, keepWarm: ms(given.keepWarm, DEFAULT_KEEP_WARM), sticky: given.sticky ?? false,
    ...optional('analyse', analyse), ...optional('header', given.header?.toLowerCase()),
  };
}

function step({ weight, soak, approve }: NonNullable<Given<'canary'>['steps']>[number]): CanaryStep {
  return { weight, soak: ms(soak, DEFAULT_STEP_SOAK), ...optional('approve', approval(approve, `go on from ${weight}% of the traffic?`)) };
}

function smoke(given: Given<'canary'>['smoke'], { healthPath }: StrategyRequest): readonly Check[] {
  return (given ?? [healthPath]).map((check) => (typeof check === 'string' ? { path: check, status: 200 } : { path: check.path, status: check.status ?? 200 }));
}

type AnalysisConfig = Exclude<NonNullable<Given<'canary'>['analyse']>, false>;

function analysis(given: AnalysisConfig, { probes: probesNamed }: StrategyRequest): Analysis | undefined {
  const rules = rulesOf(given);
  const probes = probesNamed(given.checks ?? [], ['analyse', 'checks']);
  if (rules.length + probes.length === 0) return undefined;
  const before = needsBaseline(rules) ? { baseline: ms(given.baseline, DEFAULT_BASELINE) } : {};
  return { rules, minimum: given.minimum ?? DEFAULT_MINIMUM, inconclusive: given.inconclusive ?? 'stop', ...before, ...(probes.length === 0 ? {} : { probes }) };
}

function checkRules(given: Given<'blue-green'>['analyse'], found: Analysis | undefined, { complain }: StrategyRequest): void {
  if (given !== undefined && given !== false && found === undefined) complain(['analyse'], `must have a limit (${METRICS.join(', ')}) or checks`);
}

function approval(given: Given<'blue-green'>['approve'], otherwise: string): ApprovalOption | undefined {
  if (given === undefined) return undefined;
  const { text, expires } = given === true ? { text: otherwise } : typeof given === 'string' ? { text: given } : given;
  return { text, expires: ms(expires, DEFAULT_EXPIRES) };
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { readonly [K in Key]?: Value } {
  return value === undefined ? {} : { [key]: value } as { readonly [K in Key]: Value };
}

function ms(text: string | undefined, otherwise: string): Ms {
  return parseDuration(text ?? otherwise) ?? 0;
}

/** A soak in which figures are judged is repeated when they are too few; the first time must not use up the time of the second. */
function repeatsOf(strategy: StrategyOptions): Ms {
  return 'analyse' in strategy && strategy.analyse !== undefined ? soaksOf(strategy) : 0;
}

/** How long a walk soaks in all, when no soak has to be repeated. */
function soaksOf(strategy: StrategyOptions): Ms {
  if (strategy.type === 'canary') return strategy.steps.reduce((sum, { soak }) => sum + soak, strategy.soak);
  return strategy.type === 'blue-green' ? strategy.soak : 0;
}

/** Time of a whole deploy: what deploy.json says, which must leave time for the soaks; else 20 minutes beside them, each as often as it may be made. */
export function deadlineOf(given: string | undefined, strategy: StrategyOptions, complain: (key: 'deadline' | 'strategy', text: string) => void): Ms {
  const soaks = soaksOf(strategy);
  if (given === undefined) {
    if (soaks + DEFAULT_DEADLINE > LONGEST) complain('strategy', `must not soak for more than 24 days in all, with 20 minutes for the deploy itself`);
    return Math.min(soaks + repeatsOf(strategy) + DEFAULT_DEADLINE, LONGEST);
  }
  const deadline = ms(given, '0s');
  if (deadline <= soaks) {
    complain('deadline', `must be longer than the soaks of the strategy ${strategy.type}, which take ${formatDuration(soaks)} in all; with ${formatDuration(deadline)} the deploy would never end well. Leave "deadline" out for 20 minutes beside the soaks`);
  }
  return deadline;
}
