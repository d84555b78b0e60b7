import { startPlanChild } from './plan-child.ts';

startPlanChild();
