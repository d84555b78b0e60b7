import type { PlanRow } from '../../src/shared/journal/plan-row.ts';
import { listVariants } from '../../src/shared/takes/originals.ts';
import { stateOf } from '../../src/shared/takes/variants.ts';
import type { Stage } from './stage.ts';

/** What fal was paid for is an original, or noted as paid so that nobody pays for it again. */
export async function checkKept(
  { store, journal, fal }: Stage,
  plans: ReadonlyMap<string, readonly PlanRow[]>,
  violations: string[],
): Promise<void> {
  for (const { requestId, chargedMicroUsd, statusCode } of fal.book.entries()) {
    if (chargedMicroUsd === 0 || statusCode !== 200) continue;
    const result = await journal.readResult(requestId);
    const intent = result && (await journal.readIntent(result, result.round));
    const row = result && plans.get(result.batch)?.[result.row];
    if (result === undefined || intent === undefined || row === undefined) continue;
    const variants = await listVariants(store, row.shotKey);
    for (const index of intent.indices.slice(0, result.images.length)) {
      if (stateOf(variants, index) === 'nothing')
        violations.push(`kept: picture ${index} of ${requestId} is paid, and neither stored nor noted`);
    }
  }
}
