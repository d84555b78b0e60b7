import { cancelAtFal, status } from './fal-world.ts';
import { isSame, takeId } from './ids.ts';
import { change, fail, type InHand } from './in-hand.ts';
import { fetchOwn } from './pictures.ts';
import { look, lookRepeatedly, type Run, repeated, step } from './steps.ts';
import { createOnce, intentKey, MAX_RERUNS, type RequestRecord } from './world.ts';

/** From a known id to stored originals: book first, so that what was charged is in the ledger before anything else. */
export function* collect(inHand: InHand, record: Readonly<RequestRecord>): Run<void> {
  const { world, plan, round } = inHand;
  const { falId } = record;
  // Cannot be; if it is, the request stays submitted and the end of the schedule says so.
  if (falId === undefined) return;
  // The durable word on whose it is, before anything is booked. It names another only after a Redis that lost writes.
  const owner = yield* lookRepeatedly('read id', () => world.idObjects.get(falId));
  const isOurs =
    owner === undefined ? yield* takeId(inHand, falId, 'found') : isSame(owner, { request: plan.id, round });
  const unasked = world.mutation === 'ids-without-round' || world.mutation === 'adopt-without-create-once';
  if (!unasked && !isOurs) {
    yield* change(inHand, 'lose');
    return;
  }
  const word = yield* look('word', () => world.batches.get(plan.batch));
  if (word === 'cancelled') yield* step('cancel at fal', () => cancelAtFal(world, falId));
  const seen = yield* look('status', () => status(world, falId));
  if (seen === 'running') return;
  if (seen.outcome === 'failed-free' || seen.outcome === 'never-started') {
    const again = seen.outcome === 'never-started' || record.reruns < MAX_RERUNS;
    if (again) {
      // In the store first, where a rebuild sees by it that this round has come to its end.
      yield* repeated('result', () => createOnce(world.results, falId, { costMicroUsd: 0, unbilled: true }));
      yield* change(inHand, 'rerun');
    } else yield* fail(inHand, 'failed_run');
    return;
  }

  if (seen.outcome === 'withdrawn') {
    yield* change(inHand, 'withdraw');
    return;
  }

  const result = yield* repeated('result', () =>
    createOnce(world.results, falId, { costMicroUsd: seen.costMicroUsd }),
  );
  yield* repeated('ledger', () => {
    const key = world.mutation === 'book-without-create-once' ? `${falId}#${world.ledger.size}` : falId;
    const { costMicroUsd } = result;
    createOnce(world.ledger, key, { falId, request: plan.id, costMicroUsd, atS: world.nowS });
  });
  if (world.mutation === 'store-before-book') yield* change(inHand, 'store');
  const { reservation } = record;
  if (reservation !== undefined && result.costMicroUsd > reservation.microUsd) {
    // Before it is booked, or a run that dies behind the booking leaves the submits going.
    yield* repeated('stop', () => {
      if (world.mutation === 'price-rise-goes-on') return;
      world.memory.stop ??= 'price_changed';
      world.stoppedFor.add(falId);
    });
  }
  const booked = yield* change(inHand, 'book', { costMicroUsd: result.costMicroUsd });
  if (booked !== 'ok') return;
  if (seen.outcome === 'failed-billed') {
    yield* fail(inHand, 'policy');
    return;
  }

  const intent = yield* lookRepeatedly('read intent', () => world.intents.get(intentKey(plan.id, round)));
  if (yield* fetchOwn(inHand, intent?.indices ?? [], falId)) yield* change(inHand, 'store');
}
