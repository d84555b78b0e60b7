import { collect } from './collect.ts';
import { post } from './fal-world.ts';
import { refuse, takeId } from './ids.ts';
import { accept, change, changed, fail, type InHand } from './in-hand.ts';
import { postedOf } from './inputs.ts';
import { fetchPaid, goBack, imagesIn, markDamaged, originalsOf } from './pictures.ts';
import { activate, couldFit, type Outcome, transition } from './redis-world.ts';
import { CallFailed, look, lookRepeatedly, type Run, repeated, step } from './steps.ts';
import { countLocked, stopEndpoint, UNCOUNTED } from './together.ts';
import { resolveUnknown } from './unknown.ts';
import {
  createOnce,
  type Intent,
  intentKey,
  MAX_RENDER_STARTS,
  POISON,
  POST_WINDOW_S,
  type RequestPlan,
  type World,
} from './world.ts';

/**
 * What a worker does with a request, whatever its state: the job is the doorbell, the record the truth. Ends when the
 * next step is somebody else's or has to wait; the scheduler starts it again. `fate` chooses what fal does with a POST.
 */
export function* work(world: World, plan: RequestPlan, worker: number, fate: () => number): Run<void> {
  const record = yield* step('activate', () => activate(world, plan.id));
  if (record === undefined) return;
  const inHand: InHand = { world, plan, worker, epoch: record.epoch, round: record.round };
  switch (record.state) {
    case 'planned':
      return yield* submit(inHand, fate);
    case 'submitting':
      return yield* afterCrash(inHand, fate);
    case 'submitted':
      return yield* collect(inHand, record);
    case 'unknown':
      return yield* resolveUnknown(inHand);
    case 'held':
      return yield* wake(inHand);
    case 'generated':
    case 'rendering':
      return yield* render(inHand, record.renderStarts);
    case 'failed':
      return yield* lookAgain(inHand);
    case 'delivered':
    case 'cancelled':
      return;
  }
}

/** What `reserve` may answer where the pictures may yet exist. */
const GOES_ON: readonly Outcome[] = ['ok', 'wait', 'no-room', 'claimed', 'gone'];

function* submit(inHand: InHand, fate: () => number): Run<void> {
  const { world, plan, round } = inHand;
  const word = yield* look('word', () => world.batches.get(plan.batch));
  if (word === 'cancelled') {
    yield* change(inHand, 'cancel');
    return;
  }
  const reserved = yield* change(inHand, 'reserve');
  if (reserved === 'stopped') {
    if (!(yield* look('stop', () => world.memory.stop !== undefined))) return;
  } else if (!GOES_ON.includes(reserved)) return;
  if (reserved === 'no-room') yield* change(inHand, 'hold');
  const missing = yield* missingImages(inHand);
  if (reserved !== 'ok' && missing.length > 0) return;
  // Whoever has the claim fetches what is paid, with more patience.
  if (reserved !== 'claimed' && !(yield* fetchPaid(inHand))) {
    if (reserved !== 'no-room' && reserved !== 'gone') yield* unfetched(inHand);
    return;
  }
  if (missing.length === 0) {
    // Also without a reservation: a full cap must not keep what is paid for already from its list.
    if (yield* isAllMade(inHand)) yield* change(inHand, 'adopt');
    return;
  }

  const asked = world.mutation === 'pay-for-existing' ? plan.indices : missing;
  const draft = yield* step('clock', () => {
    world.nonces += 1;
    return { nonce: `n${world.nonces}`, atS: world.nowS, posted: postedOf(plan, asked), indices: asked };
  });
  const intent = yield* repeated('intent', () => createOnce(world.intents, intentKey(plan.id, round), draft));
  if (intent.nonce !== draft.nonce) {
    yield* change(inHand, 'lose', { intent });
    return;
  }
  if (world.mutation !== 'skip-confirm') {
    const confirmed = yield* change(inHand, 'confirm', { intent });
    if (confirmed === 'stopped') yield* change(inHand, 'release');
    if (confirmed !== 'ok') return;
  }
  yield* send(inHand, intent, fate());
}

function* send(inHand: InHand, intent: Intent, fate: number): Run<void> {
  const { world, plan, round } = inHand;
  const answer = yield* heard(
    step('post', () =>
      post(world, {
        request: plan.id,
        round,
        nonce: intent.nonce,
        posted: intent.posted,
        images: intent.indices.length,
        notAfterS: intent.atS + POST_WINDOW_S,
        fate,
      }),
    ),
  );
  if (answer === undefined) {
    yield* change(inHand, world.mutation === 'post-again-when-unknown' ? 'release' : 'lose');
    return;
  }
  switch (answer.kind) {
    case 'too-late':
    case 'no':
      yield* change(inHand, 'release');
      return;
    case 'never':
      if (yield* refuse(inHand)) yield* fail(inHand, 'refused');
      return;
    case 'broke':
      if (world.mutation === 'broke-fails-the-row') {
        if (yield* refuse(inHand)) yield* fail(inHand, 'broke');
        return;
      }
      // Stopped before it is planned again, so that no worker tries it in between.
      yield* step('stop', () => {
        world.memory.stop ??= 'balance';
      });
      yield* change(inHand, 'release');
      return;
    case 'gone':
      if (world.mutation === 'gone-endpoint-fails-the-row') {
        if (yield* refuse(inHand)) yield* fail(inHand, 'gone');
        return;
      }
      yield* step('stop the endpoint', () => stopEndpoint(world));
      yield* change(inHand, 'release');
      return;
    case 'locked':
      if (yield* step('count 423', () => countLocked(world)))
        yield* step('stop the endpoint', () => stopEndpoint(world));
      yield* change(inHand, 'release');
      return;
    case 'accepted': {
      const accepted = yield* accept(inHand, answer.falId);
      // A rival that was unknown has adopted it: what that rival submitted may now be ours to find.
      if (accepted === 'taken') yield* change(inHand, 'lose');
      if (accepted !== 'ok') return;
      if (!(yield* takeId(inHand, answer.falId, 'answered'))) yield* change(inHand, 'lose');
    }
  }
}

/** A former run stopped between reserving and recording an answer: the intent says whether it can have sent a POST. */
function* afterCrash(inHand: InHand, fate: () => number): Run<void> {
  const { world, plan, round } = inHand;
  const intent = yield* lookRepeatedly('read intent', () => world.intents.get(intentKey(plan.id, round)));
  const guessed = world.mutation === 'post-again-when-unknown';
  if (intent !== undefined && !guessed) {
    yield* change(inHand, 'lose', { intent });
    return;
  }
  const released = yield* changed(inHand, 'release');
  if (released.outcome === 'ok') yield* submit({ ...inHand, round: released.round }, fate);
}

/** Of which nothing is stored, and nothing was paid. */
function* missingImages({ world, plan }: InHand): Run<readonly number[]> {
  return yield* lookRepeatedly('look for originals', () => imagesIn(world, plan, plan.indices, 'nothing'));
}

function* isAllMade({ world, plan }: InHand): Run<boolean> {
  return yield* lookRepeatedly('look for originals', () => isMade(world, plan));
}

const isMade = (world: World, plan: RequestPlan): boolean =>
  imagesIn(world, plan, plan.indices, 'made').length === plan.indices.length;

/** What others were paid for cannot be had: it fails without a POST, where none was begun in this round. */
function* unfetched(inHand: InHand): Run<void> {
  const { world, plan, round } = inHand;
  const begun = yield* lookRepeatedly('read intent', () => world.intents.get(intentKey(plan.id, round)));
  if (begun !== undefined) yield* change(inHand, 'lose', { intent: begun });
  else if (yield* refuse(inHand)) yield* fail(inHand, UNCOUNTED);
}

/** A worker looks by itself for what a failed request was paid for. */
function* lookAgain(inHand: InHand): Run<void> {
  const { world, plan, round } = inHand;
  const paid = yield* look('due', () => imagesIn(world, plan, plan.indices, 'paid').length);
  if (paid === 0 || !(yield* fetchPaid(inHand))) return;
  const word = yield* look('word', () => world.batches.get(plan.batch));
  if (word === 'cancelled' || !(yield* isAllMade(inHand))) return;
  yield* step('rerender', () =>
    transition(world, { name: 'rerender', request: plan.id, epoch: 'person', round }),
  );
}

/** A person cancelled, the pictures exist by now, or a new day or a higher cap makes room. */
function* wake(inHand: InHand): Run<void> {
  const { world, plan } = inHand;
  const word = yield* look('word', () => world.batches.get(plan.batch));
  if (word === 'cancelled') {
    yield* change(inHand, 'cancel');
    return;
  }
  const missing = yield* missingImages(inHand);
  const fits = yield* look('caps', () => isFree(world, plan.id));
  // As in `submit`: what is paid for already needs no room.
  if (missing.length === 0) {
    if ((yield* fetchPaid(inHand)) && (yield* isAllMade(inHand))) yield* change(inHand, 'adopt');
  } else if (fits) yield* change(inHand, 'unhold');
}

/** Its endpoint is not stopped, and the caps leave room. */
function isFree(world: World, request: string): boolean {
  const byEndpoint = world.records.get(request)?.heldByEndpoint === true;
  return couldFit(world, request) && !(byEndpoint && world.together.stopped);
}

function* render(inHand: InHand, starts: number): Run<void> {
  const { world, plan } = inHand;
  if (starts >= MAX_RENDER_STARTS) {
    yield* fail(inHand, 'crashed');
    return;
  }
  const originals = yield* lookRepeatedly('look for originals', () => originalsOf(world, plan));
  const started = yield* change(inHand, 'render');
  if (started !== 'ok') return;
  if (originals === undefined) {
    if ((yield* missingImages(inHand)).length === 0) yield* goBack(inHand);
    return;
  }
  if (plan.prompt === POISON) return;
  const damaged = originals.find(({ isDecodable }) => !isDecodable);
  if (damaged !== undefined) {
    yield* markDamaged(inHand, damaged);
    yield* goBack(inHand);
    return;
  }
  yield* repeated('delivery', () => world.deliveries.add(plan.id));
  yield* change(inHand, 'deliver');
}

/** The answer, or nothing when it was lost. */
function* heard<T>(run: Run<T>): Run<T | undefined> {
  try {
    return yield* run;
  } catch (error) {
    if (error instanceof CallFailed) return undefined;
    throw error;
  }
}
