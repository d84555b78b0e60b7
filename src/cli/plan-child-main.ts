import { startPlanChild } from '../producer/plan-child.ts';

startPlanChild();
