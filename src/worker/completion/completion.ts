import { webhookOrigin, webhookUrlFault } from '../../shared/base/addresses.ts';
import { Later } from '../../shared/base/later.ts';
import type { Logger } from '../../shared/base/log.ts';
import type { Clock } from '../../shared/base/time.ts';
import type { Journal } from '../../shared/journal/journal.ts';
import type { Head } from '../../shared/journal/objects.ts';
import { UnreadablePlanError } from '../../shared/journal/plan-chunks.ts';
import { rootOf } from '../../shared/journal/regeneration.ts';
import { type Ending, endingIdOf } from '../../shared/queues/completion-queue.ts';
import type { Batches } from '../../shared/requests/batches.ts';
import { type EndpointStops, readStops } from '../../shared/requests/endpoint-stops.ts';
import type { Records } from '../../shared/requests/records.ts';
import { type BatchStatus, batchStatus, isMoving, statusOf } from '../../shared/status/status.ts';
import { objectKeys } from '../../shared/store/keys.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { readRegenerated } from '../../shared/takes/read-regenerated.ts';
import { type Regenerated, regeneratedJson } from '../../shared/takes/regenerated.ts';
import { writeBucketManifest } from './bucket-manifest.ts';
import { type PostWebhook, WebhookError } from './webhook.ts';
import { endOfWhole } from './whole-end.ts';

export interface EndingDeps {
  readonly store: ObjectStore;
  readonly journal: Journal;
  readonly batches: Batches;
  readonly endpointStops: Pick<EndpointStops, 'all'>;
  readonly records: Records;
  /** undefined: there is no secret to sign with here. */
  readonly post: PostWebhook | undefined;
  readonly add: (ending: Ending) => Promise<void>;
  /** Makes anew what failed a check, where the batch was queued with that. Safe to repeat. */
  readonly regenerate: (head: Head, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

export type EndingStep = (ending: Ending, signal: AbortSignal) => Promise<void>;

/** Between two looks at what was in flight when a batch was held. */
const STILL_MOVING_MS = 1_000;
/** Until somebody sets the secret, or a worker that has it takes the job. */
const NO_SECRET_MS = 60_000;

/**
 * What follows the end of a batch, and the word that it is held. Every kind is safe to run twice; a webhook may arrive twice, with the same id.
 * Rejects with a `WebhookError` where the receiver did not take it.
 */
export function createEnding(deps: EndingDeps): EndingStep {
  const { store, journal, batches, endpointStops, records, clock, log } = deps;

  return async (ending, signal) => {
    const { batch, kind } = ending;
    const head = await journal.readHead(batch, signal);
    if (head === undefined) {
      log.warn({ batch }, 'an ended batch is not in the store; nothing is written or told of it');
      return;
    }
    switch (kind) {
      case 'manifest':
      case 'refresh': {
        await writeManifest(head, signal);
        if (kind === 'manifest' && head.redoOf !== undefined) await renewRedone(head.redoOf, signal);
        if (kind === 'manifest') await deps.regenerate(head, signal);
        const told =
          kind === 'manifest' ? await endOfWhole(head, ending, { journal, batches }, signal) : undefined;
        if (told !== undefined) await deps.add({ ...told, kind: 'tell' });
        return;
      }
      case 'tell':
        return await tell(head, ending, signal);
      case 'held':
        return await tellHold(head, ending, signal);
    }
  };

  async function writeManifest(head: Head, signal: AbortSignal): Promise<void> {
    const { batch } = head;
    const live = async () => ({ view: await batches.read(batch), records });
    try {
      await writeBucketManifest(head, { store, journal, live, clock, signal });
    } catch (error) {
      if (!(error instanceof UnreadablePlanError)) throw error;
      // It would be the same at each try, and the end is still to be reported.
      log.error({ batch, reason: error.message }, 'no manifest: the plan of the batch cannot be read');
      return;
    }
    log.info({ batch, key: objectKeys.manifest(batch, 'jsonl') }, 'manifest written');
  }

  /** The batch whose pictures were made anew shows the new ones; one that is under way writes its own at its end. */
  async function renewRedone(batch: string, signal: AbortSignal): Promise<void> {
    if ((await journal.readSummary(batch, signal)) === undefined) return;
    const head = await journal.readHead(batch, signal);
    if (head !== undefined) await writeManifest(head, signal);
  }

  async function tell(head: Head, ending: Ending, signal: AbortSignal): Promise<void> {
    const { batch, onDone: url } = head;
    if (url === undefined) return;
    const post = posterTo(url, batch);
    const status = batchStatus.safeParse(await journal.readSummary(batch, signal));
    // Written before the job; only a person can have removed it.
    if (!status.success)
      throw new WebhookError('the summary of the batch is not in the store', { final: false });
    const regenerated = await readRegenerated(head, { store, journal, batches, endpointStops }, signal);
    const body = webhookBody(ending, {
      status: status.data,
      regenerated,
      simulated: head.simulated,
      urlOf: (key) => store.urlOf(key),
    });
    await post(body, signal);
  }

  /** To where the end of the batch is told, or of the one whose pictures it makes again. */
  async function tellHold(head: Head, ending: Ending, signal: AbortSignal): Promise<void> {
    const { batch } = head;
    const root = head.round === undefined ? head : await journal.readHead(rootOf(head), signal);
    if (root?.onDone === undefined) return;
    const post = posterTo(root.onDone, batch);
    const view = await batches.read(batch);
    if (view?.hold?.atMs !== ending.endedAtMs || view.doneAtMs !== undefined) {
      log.info({ batch }, 'the batch goes on by now; nobody is told that it was held');
      return;
    }
    const stops = await readStops({ batches, endpointStops });
    const status = statusOf(view, stops, clock());
    // A good picture among them lifts it, and then there is nothing to tell.
    if (isMoving(status)) throw new Later(STILL_MOVING_MS, 'requests of the batch are at fal');
    await post(holdBody(ending, { status, simulated: head.simulated }), signal);
  }

  function posterTo(url: string, batch: string): (body: object, signal: AbortSignal) => Promise<void> {
    const { post } = deps;
    const fault = webhookUrlFault(url);
    if (fault !== undefined)
      throw new WebhookError(`the address of --on-done is refused: ${fault}`, { final: true });
    if (post === undefined) {
      log.warn({ batch }, 'a webhook waits: set WEBHOOK_SECRET, since none is sent unsigned');
      throw new Later(NO_SECRET_MS, 'no WEBHOOK_SECRET');
    }
    return async (body, signal) => {
      await post(url, JSON.stringify(body), signal);
      log.info({ batch, to: webhookOrigin(url) }, 'webhook delivered');
    };
  }
}

/** The public contract of docs/webhooks.md. */
export function webhookBody(
  ending: Pick<Ending, 'batch' | 'endedAtMs'>,
  {
    status,
    regenerated,
    simulated,
    urlOf,
  }: {
    readonly status: BatchStatus;
    readonly regenerated: Regenerated | undefined;
    readonly simulated: boolean;
    readonly urlOf: (key: string) => string;
  },
) {
  const { batch, endedAtMs } = ending;
  const manifest = (format: 'jsonl' | 'csv') => {
    const key = objectKeys.manifest(batch, format);
    return { key, url: urlOf(key) };
  };
  return {
    event: 'batch.ended' as const,
    id: endingIdOf(ending),
    batch,
    endedAt: new Date(endedAtMs).toISOString(),
    status,
    ...(regenerated === undefined ? {} : { regenerated: regeneratedJson(regenerated) }),
    manifest: { jsonl: manifest('jsonl'), csv: manifest('csv') },
    simulated,
  };
}

/** The same of one that says that a batch is held. */
export function holdBody(
  ending: Pick<Ending, 'batch' | 'endedAtMs'>,
  { status, simulated }: { readonly status: BatchStatus; readonly simulated: boolean },
) {
  const { batch, endedAtMs } = ending;
  return {
    event: 'batch.held' as const,
    id: endingIdOf(ending),
    batch,
    heldAt: new Date(endedAtMs).toISOString(),
    status,
    simulated,
  };
}
