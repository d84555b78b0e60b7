import { UnavailableError } from '../../shared/base/errors.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { DuePictures } from '../../shared/requests/due-pictures.ts';
import type { RequestRecord } from '../../shared/requests/record.ts';
import type { Records } from '../../shared/requests/records.ts';
import type { House } from '../../shared/requests/steps.ts';
import { encodeSegment } from '../../shared/store/keys.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { writeDamaged, writePaid } from '../../shared/takes/original-notes.ts';
import { listVariantsOfRow } from '../../shared/takes/originals.ts';
import { nthOf, shotKeyIn } from '../../shared/takes/variants.ts';
import type { Damage } from './damage.ts';
import type { RenderTask } from './processor.ts';

export interface FetchAgainDeps {
  readonly house: House;
  readonly records: Pick<Records, 'read'>;
  readonly journal: Pick<Journal, 'readResult' | 'readIntent'>;
  readonly store: ObjectStore;
  readonly due: Pick<DuePictures, 'add'>;
  readonly clock: Clock;
}

type InHand = Pick<RenderTask, 'request' | 'epoch' | 'round'>;

/** Has originals fetched again that cannot be decoded: fal was paid for them, and still has what it made. */
export interface FetchAgain {
  /** Marks the original, and takes its request back to `submitted`. */
  damaged(task: InHand, damage: Damage): Promise<void>;
  /** Takes a request that is rendering back to `submitted`: its picture was marked by another one. */
  missing(record: RequestRecord): Promise<void>;
}

export function createFetchAgain({ house, records, journal, store, due, clock }: FetchAgainDeps): FetchAgain {
  return { damaged, missing };

  async function damaged(task: InHand, { index, originalKey, sha256, failure }: Damage): Promise<void> {
    const requestId = (await store.get(originalKey))?.metadata['fal-request-id'];
    const shotKey = shotKeyIn(originalKey);
    if (requestId === undefined || shotKey === undefined) {
      // Nobody knows of whom to ask it again.
      await house.fail(task.request, task.epoch, task.round, failure);
      return;
    }
    const result = await journal.readResult(requestId);
    const intent = result && (await journal.readIntent(result, result.round));
    const image = Math.max(0, intent?.indices.indexOf(index) ?? 0);
    const at = clock();
    // The paid note goes first: between the two the picture would seem never to have been paid.
    await writePaid(store, { shotKey, index }, { requestId, image, since: at, why: failure.code });
    await writeDamaged(store, { shotKey, index, nth: nthOf(originalKey) }, { key: originalKey, sha256, at });
    const record = await records.read(task.request);
    if (record !== undefined) await goBack({ ...record, epoch: task.epoch, round: task.round });
  }

  async function missing(record: RequestRecord): Promise<void> {
    await goBack(record);
  }

  async function goBack({ request, epoch, round, requestId, booked }: RequestRecord): Promise<void> {
    const { row, planned } = await house.work(request);
    const { shotKey } = row;
    const variants = await listVariantsOfRow(store, row);
    const paid = planned.indices.filter((index) => variants.get(index)?.state === 'paid');
    const isOwn =
      requestId !== undefined &&
      paid.every((index) => variants.get(index)?.paidBy.includes(encodeSegment(requestId)));
    if (!isOwn) {
      // Another request was paid for it. Whoever looks for what is due fetches it, and renders this one.
      const now = clock();
      for (const index of paid) await due.add({ shotKey, index, request }, now, now);
      await house.fail(request, epoch, round, {
        code: 'media_unreachable',
        message: 'The stored picture cannot be decoded. It is fetched from fal again, at no cost.',
      });
      return;
    }
    const step = await house.step('refetch', {
      request,
      epoch,
      round,
      claim: { shotKey, indices: planned.indices },
      takeId: requestId,
      set: { booked: booked ?? (await journal.readResult(requestId))?.cost ?? 0 },
    });
    if (step.code === 'claimed')
      throw new UnavailableError('fal', `Another request is fetching the picture of ${request} again.`);
    if (step.code === 'ok') await house.give('collect', request, step.round);
  }
}
