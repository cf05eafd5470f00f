/** What a deploy tells while it goes on: printed on a terminal, streamed as JSON, kept in the log. */
import type { Desired, Observed } from './fleet.js';
import type { Figures } from './metrics.js';
import type { ReleaseId } from './release.js';
import type { Step } from './step.js';
import type { Ms } from './time.js';

/** The stages of a deploy, in order. */
export const STAGES = ['validate', 'preflight', 'stage', 'before-hooks', 'release-command', 'walk', 'after-hooks', 'record'] as const;
export type StageName = (typeof STAGES)[number];

export type DeployEvent =
  | { readonly type: 'plan'; readonly release: ReleaseId; readonly from: Desired; readonly steps: readonly Step[] }
  | { readonly type: 'stage'; readonly stage: StageName; readonly state: 'start' | 'done' | 'failed'; readonly ms?: Ms }
  | { readonly type: 'step'; readonly index: number; readonly of: number; readonly desired: Desired }
  /** `ms`: how long it takes, where that is known beforehand. */
  | { readonly type: 'waiting'; readonly release: ReleaseId; readonly for: string; readonly ms?: Ms }
  | { readonly type: 'fleet'; readonly observed: Observed }
  | { readonly type: 'output'; readonly source: string; readonly line: string }
  /** What the router counted per release during the last `window` ms. */
  | { readonly type: 'traffic'; readonly window: Ms; readonly releases: Readonly<Record<ReleaseId, Figures>> }
  | { readonly type: 'restore'; readonly reason: string }
  | { readonly type: 'note'; readonly text: string };

export type Emit = (event: DeployEvent) => void;
