import { startPlanChild } from '../../src/producer/child/plan-child.ts';

/** The process of a list in tests that loops over any list. */
startPlanChild({
  // biome-ignore lint/correctness/useYield: it never comes so far
  async *read() {
    for (;;);
  },
});
