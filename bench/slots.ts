/**
 * How well fal's slots are used, and how often fal is read: 160 pictures of about 1.5 s on 8 slots, by the built program
 * with the recipe that makes no renditions, with the shop's recipe (whose work then runs on the same machine), and by
 * the worker of the tutorials.
 */
import { bench, type Figure } from './support/figures.ts';
import { ofShotlist, ofTutorial, type SlotTask, type Use } from './support/slot-use.ts';

const TASK: SlotTask = { fal: { slots: 8, latencyMs: 1_500, shape: 'even' }, images: 160 };
const WANTED_BUSY_PERCENT = 93;
const WANTED_READS = 4.5;

await bench('slots', async () => {
  const original = await ofShotlist(TASK, 'original');
  const catalog = await ofShotlist(TASK, 'catalog');
  const naive = await ofTutorial(TASK);
  return {
    figures: [
      ...limited('recipe original', original),
      ...limited('recipe catalog', catalog),
      { name: 'tutorial worker: slots busy', value: naive.busyPercent, unit: '%' },
      { name: 'tutorial worker: reads of fal an image', value: naive.readsPerImage, unit: '' },
      { name: 'tutorial worker: time', value: naive.seconds, unit: 's' },
      {
        name: 'slots busy, original against the tutorial worker',
        value: original.busyPercent / naive.busyPercent,
        unit: '×',
      },
      {
        name: 'reads of fal, original against the tutorial worker',
        value: original.readsPerImage / naive.readsPerImage,
        unit: '×',
      },
    ],
    notes: [`original: ${original.detail}`, `catalog: ${catalog.detail}`, `tutorial worker: ${naive.detail}`],
  };
});

function limited(of: string, { busyPercent, readsPerImage, seconds }: Use): Figure[] {
  return [
    {
      name: `${of}: slots busy`,
      value: busyPercent,
      unit: '%',
      limit: { kind: 'at-least', value: WANTED_BUSY_PERCENT },
    },
    {
      name: `${of}: reads of fal an image`,
      value: readsPerImage,
      unit: '',
      limit: { kind: 'at-most', value: WANTED_READS },
    },
    { name: `${of}: time of the whole command`, value: seconds, unit: 's' },
  ];
}
