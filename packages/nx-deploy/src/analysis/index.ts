export { askerOf, type Origin, type ProbeMeans } from './askers.js';
export { baselineOf, type BaselineWanted } from './baseline.js';
export { fewestRequests, gravest, judge, RISK, type Judgement, type References, type Verdict } from './judge.js';
export { pause } from './pause.js';
export { Probing, type Asking } from './probing.js';
