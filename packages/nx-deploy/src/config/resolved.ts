/** deploy.json, resolved for one environment: defaults applied, durations in ms, sizes in bytes. What every command works on. */
import type { Check, HealthSpec, Limits, Ms, ProcessSpec, Rule, Scale } from '../model/index.js';

export type StrategyOptions =
  | { readonly type: 'recreate' }
  /** `batch`: percent of the instances replaced at a time, 1 to 100. */
  | { readonly type: 'rolling'; readonly batch: number };

/** Reserved for the strategies that walk by weight; model/step.ts already has their gates. */
export type AnalysisRules = readonly Rule[];
export type SmokeChecks = readonly Check[];

export interface ListenOption {
  readonly address: string;
  /** Public port; undefined: the platform picks one and keeps it. */
  readonly port?: number;
  readonly host?: string;
}

export interface Hook {
  readonly run: readonly string[];
  /** Names of variables of the command's own environment that the hook may see. */
  readonly env: readonly string[];
  readonly timeout: Ms;
}

export const HOOK_NAMES = ['preDeploy', 'postDeploy', 'preRollback', 'postRollback'] as const;
export type HookName = (typeof HOOK_NAMES)[number];
export type Hooks = Readonly<Partial<Record<HookName, readonly Hook[]>>>;

export interface ArtifactOption {
  readonly type: 'files';
  /** Absolute folder of the build's output. */
  readonly path: string;
  /** Relative to `path`. */
  readonly entry: string;
  /** bundled: `path` holds all that runs. traced: the modules that `entry` loads are found (@vercel/nft) and taken along. */
  readonly dependencies: 'bundled' | 'traced';
}

export interface ResolvedEnvironment {
  readonly service: string;
  readonly environment: string;
  /** Absolute path of deploy.json. */
  readonly file: string;
  readonly platform: { readonly type: 'local' };
  readonly artifact: ArtifactOption;
  /** 0: each instance gets a port of its own by the variable PORT. */
  readonly port: number;
  readonly health: HealthSpec;
  readonly drain: Ms;
  readonly stopTimeout: Ms;
  readonly limits: Limits;
  readonly strategy: StrategyOptions;
  readonly processes: Readonly<Record<string, { readonly scale: Scale; readonly spec: ProcessSpec }>>;
  readonly listen: ListenOption;
  readonly hooks: Hooks;
  /** Of the whole deploy. */
  readonly deadline: Ms;
  /** Releases that prune keeps. */
  readonly keep: number;
}
