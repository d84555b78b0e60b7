/**
 * The same question as `slots.ts` for runs as long-tailed as fal's: 160 pictures, median 9 s (half of fal's, to save time),
 * one in twenty longer than 23 s. Program and tutorial worker run side by side, each on a simulator of its own, since both
 * do little but wait.
 */
import { bench } from './support/figures.ts';
import { ofShotlist, ofTutorial, type SlotTask } from './support/slot-use.ts';

const TASK: SlotTask = { fal: { slots: 8, latencyMs: 9_000, shape: 'fal' }, images: 160 };

await bench('long-runs', async () => {
  const [ours, tutorial] = await Promise.all([ofShotlist(TASK, 'original'), ofTutorial(TASK)]);
  return {
    figures: [
      { name: 'slots busy', value: ours.busyPercent, unit: '%' },
      { name: 'reads of fal an image', value: ours.readsPerImage, unit: '' },
      { name: 'tutorial worker: slots busy', value: tutorial.busyPercent, unit: '%' },
      { name: 'tutorial worker: reads of fal an image', value: tutorial.readsPerImage, unit: '' },
      {
        name: 'reads of fal against the tutorial worker',
        value: ours.readsPerImage / tutorial.readsPerImage,
        unit: '×',
      },
    ],
    notes: [`shotlist: ${ours.detail}`, `tutorial worker: ${tutorial.detail}`],
  };
});
