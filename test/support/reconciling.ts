import { reconcileCommand } from '../../src/cli/commands/reconcile.ts';
import { since } from '../../src/cli/options/since.ts';
import type { FalSimulatorOptions } from '../../src/local/fal/simulator.ts';
import { openWorkshop } from './workshop.ts';
import { type WorkshopCli, workshopCli } from './workshop-cli.ts';

export const TEE = { id: 'tee', prompt: 'a tee' };
/** What a workshop posts for the tee. */
export const TEE_INPUT = {
  prompt: 'a tee',
  quality: 'medium',
  image_size: '1024x1024',
  background: 'auto',
  output_format: 'png',
  num_images: 1,
};
export const DAY_MS = 86_400_000;
/** What a reconcile without a finding says beside its counts. */
export const NOTHING = { corrected: [], missing: [], orphans: [], attached: [], driftUsd: 0 };

/** A workshop, and the command line in it. */
export async function opened(fal: FalSimulatorOptions = {}) {
  const workshop = await openWorkshop({ fal });
  const cli = await workshopCli(workshop);
  return {
    workshop,
    cli,
    [Symbol.asyncDispose]: async () => {
      await cli[Symbol.asyncDispose]();
      await workshop[Symbol.asyncDispose]();
    },
  };
}

export async function reconcile(cli: WorkshopCli, back = '24h') {
  const { out } = await cli.run((context) => reconcileCommand(context, { since: since(back), json: true }));
  return JSON.parse(out);
}
