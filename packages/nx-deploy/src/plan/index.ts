export { makePlan, type Plan, type PlanRequest, type Walk } from './plan.js';
export { printPlan } from './print.js';
