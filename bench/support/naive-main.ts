/**
 * The worker of the tutorials: `fal.subscribe` inside a BullMQ processor, as many at once as the account has slots, then
 * the picture is fetched and written to disk. Forked; ends when every job is done.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFalClient } from '@fal-ai/client';
import { Queue, Worker } from 'bullmq';
import { z } from 'zod';
import { connectionOf } from '../../src/shared/queues/queues.ts';
import { listRow } from './catalog-list.ts';

export const naiveTask = z.object({
  redisUrl: z.string(),
  queueUrl: z.string(),
  key: z.string(),
  folder: z.string(),
  images: z.int(),
  concurrency: z.int(),
});
export type NaiveTask = z.infer<typeof naiveTask>;

const { redisUrl, queueUrl, key, folder, images, concurrency } = naiveTask.parse(
  JSON.parse(process.argv[2] ?? 'null'),
);
const fal = createFalClient({
  credentials: key,
  // The client has no option for fal's address.
  fetch: (input, init) => fetch(String(input).replace('https://queue.fal.run', queueUrl), init),
});
const output = z.object({ images: z.array(z.object({ url: z.string() })) });

const shared = { connection: connectionOf(redisUrl), prefix: '{naive}' };
const queue = new Queue('images', shared);
await queue.addBulk(
  Array.from({ length: images }, (_, number) => ({ name: 'image', data: listRow(number) })),
);

const worker = new Worker(
  'images',
  async ({ data: { id, prompt } }) => {
    const { data } = await fal.subscribe('fal-ai/gpt-image-1-mini', {
      input: { prompt, quality: 'medium', image_size: '1024x1024', num_images: 1 },
    });
    for (const { url } of output.parse(data).images) {
      const response = await fetch(url);
      await writeFile(join(folder, `${id}.png`), Buffer.from(await response.arrayBuffer()));
    }
  },
  { ...shared, concurrency },
);
let done = 0;
await new Promise<void>((resolve, reject) => {
  worker.on('completed', () => {
    done += 1;
    if (done === images) resolve();
  });
  worker.on('failed', (_job, error) => reject(error));
});
await worker.close();
await queue.close();
