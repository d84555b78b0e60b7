import { createHash } from 'node:crypto';
import sharp from 'sharp';
import type { BookEntry } from '../../src/local/fal/book.ts';
import type { Delivery } from '../../src/shared/journal/objects.ts';
import { PLAN_CHUNK_ROWS } from '../../src/shared/journal/plan-chunks.ts';
import type { PlanRow } from '../../src/shared/journal/plan-row.ts';
import { type Adjustment, Corrections } from '../../src/shared/ledger/corrections.ts';
import { objectKeys } from '../../src/shared/store/keys.ts';
import { endedBefore } from './at-rest.ts';
import { checkKept } from './kept.ts';
import type { Stage } from './stage.ts';

/** A list and what must become of its rows, by shot. */
export interface Wanted {
  readonly batch: string;
  readonly rows: readonly { readonly id: string; readonly prompt: string }[];
  /** `delivered`; `ended`: in whatever way, with a word about it; or the code with which it fails. */
  readonly ends: ReadonlyMap<string, string>;
}

export interface Findings {
  /** One sentence each; empty where every promise was kept. */
  readonly violations: readonly string[];
  readonly requests: number;
  readonly images: number;
  /** How requests ended: `delivered`, `held`, or a failure's code. */
  readonly ends: Readonly<Record<string, number>>;
  readonly paidTwice: number;
  readonly lost: number;
  readonly capBreaches: number;
  /** Ledger minus book. */
  readonly ledgerDifferenceMicroUsd: number;
  /** Of it, what failed runs are booked at whose cost fal did not tell (`assumed`). */
  readonly assumedMicroUsd: number;
}

/** Looks from the outside alone: fal's book, the objects in the store, the money in Redis. */
export async function inspectStage(stage: Stage, wanted: readonly Wanted[]): Promise<Findings> {
  const violations: string[] = [];
  const book = stage.fal.book.entries();
  const plans = new Map<string, readonly PlanRow[]>();
  for (const { batch } of wanted) plans.set(batch, await planOf(stage, batch));

  const paidTwice = paidTwiceOf(stage, [...plans.values()].flat(), violations);
  await checkPosts(stage, plans, violations);
  await checkKept(stage, plans, violations);
  const ledger = await compareLedger(stage, book, violations);
  for (const { requestId, committedMicroUsd, capMicroUsd } of stage.fal.book.violations) {
    violations.push(
      `cap: ${committedMicroUsd} µ$ committed at the accept of ${requestId}, of ${capMicroUsd}`,
    );
  }
  const ends: Record<string, number> = {};
  let lost = 0;
  let requests = 0;
  for (const one of wanted) {
    const plan = plans.get(one.batch) ?? [];
    requests += plan.flatMap((row) => row.requests).length;
    lost += await checkEnds(stage, one, plan, violations, ends);
  }
  await checkAtRest(stage, violations);
  return {
    violations,
    requests,
    ends,
    images: book.reduce((sum, entry) => sum + entry.images, 0),
    paidTwice,
    lost,
    capBreaches: stage.fal.book.violations.length,
    ...ledger,
  };
}

async function planOf({ journal }: Stage, batch: string): Promise<readonly PlanRow[]> {
  const head = await journal.readHead(batch);
  if (head === undefined) return [];
  const rows: PlanRow[] = [];
  for (let chunk = 0; chunk < head.chunks; chunk += 1) rows.push(...(await journal.readChunk(batch, chunk)));
  if (rows.length > PLAN_CHUNK_ROWS * head.chunks) throw new Error('more rows than chunks hold');
  return rows;
}

/** By the prompt, which is all that fal knows of a shot; rows of several lists that want the same shot want it once. */
function paidTwiceOf({ fal, strange }: Stage, rows: readonly PlanRow[], violations: string[]): number {
  const wantedOf = new Map<string, Map<string, Set<number>>>();
  for (const { prompt, shotKey, requests } of rows) {
    const shots = wantedOf.get(prompt) ?? new Map<string, Set<number>>();
    wantedOf.set(prompt, shots);
    const indices = shots.get(shotKey) ?? new Set<number>();
    shots.set(shotKey, indices);
    for (const request of requests) for (const index of request.indices) indices.add(index);
  }
  const paid = new Map<string, number>();
  for (const entry of fal.book.entries()) {
    if (entry.chargedMicroUsd === 0 || entry.statusCode !== 200) continue;
    const prompt = String(entry.input['prompt']);
    if (!wantedOf.has(prompt) && strange.includes(prompt)) continue;
    paid.set(prompt, (paid.get(prompt) ?? 0) + entry.images);
  }
  let twice = 0;
  for (const [prompt, images] of paid) {
    const wanted = [...(wantedOf.get(prompt)?.values() ?? [])].reduce((sum, set) => sum + set.size, 0);
    if (images <= wanted) continue;
    twice += images - wanted;
    violations.push(`paid twice: ${images} images of "${prompt}" are charged where ${wanted} are wanted`);
  }
  return twice;
}

async function checkPosts(
  { store, posts, strange }: Stage,
  plans: ReadonlyMap<string, readonly PlanRow[]>,
  violations: string[],
): Promise<void> {
  const intents = new Map<string, number>();
  for (const [batch, rows] of plans) {
    const prefix = objectKeys.intents(batch);
    for await (const { key } of store.list(prefix)) {
      const prompt = rows[Number(/^(\d+)\./.exec(key.slice(prefix.length))?.[1])]?.prompt ?? '';
      intents.set(prompt, (intents.get(prompt) ?? 0) + 1);
    }
  }
  for (const prompt of new Set(posts)) {
    const count = posts.filter((one) => one === prompt).length;
    const allowed = (intents.get(prompt) ?? 0) + strange.filter((one) => one === prompt).length;
    if (count > allowed)
      violations.push(`posts: ${count} POSTs of "${prompt}" arrived, under ${allowed} intents`);
  }
}

/** Both ways, to the micro-dollar. */
async function compareLedger(stage: Stage, book: readonly BookEntry[], violations: string[]) {
  const { journal, fal } = stage;
  const ledger = new Map<string, { cost: number; assumed: boolean }>();
  for await (const { key } of journal.listLedger()) {
    const entry = await journal.readLedger(key);
    if (entry === undefined) continue;
    if (ledger.has(entry.requestId)) violations.push(`ledger: two entries of ${entry.requestId}`);
    ledger.set(entry.requestId, { cost: entry.costMicroUsd, assumed: entry.source === 'assumed' });
  }
  for (const [requestId, cost] of await correctedBy(stage)) ledger.set(requestId, { cost, assumed: false });
  for (const [requestId, cost] of await orphansOf(stage))
    if (!ledger.has(requestId)) ledger.set(requestId, { cost, assumed: false });
  let assumedMicroUsd = 0;
  for (const { requestId, chargedMicroUsd, statusCode } of book) {
    const found = ledger.get(requestId);
    const cost = found?.cost ?? 0;
    if (cost === chargedMicroUsd) continue;
    // fal says nothing about the bill of a failed run: the dearest it can be stands until the billing events are read.
    if (found?.assumed === true && statusCode !== 200 && chargedMicroUsd === 0) assumedMicroUsd += cost;
    else violations.push(`ledger: ${requestId} has ${cost} µ$ where fal's book has ${chargedMicroUsd}`);
  }
  for (const [requestId] of ledger) {
    if (book.every((entry) => entry.requestId !== requestId))
      violations.push(`ledger: ${requestId} is not in fal's book`);
  }
  const total = [...ledger.values()].reduce((sum, { cost }) => sum + cost, 0);
  return { ledgerDifferenceMicroUsd: total - fal.book.totalMicroUsd(), assumedMicroUsd };
}

/** What `reconcile` wrote beside entries: the last word on each. */
async function correctedBy({ store }: Stage): Promise<ReadonlyMap<string, number>> {
  const corrections = new Corrections({ store });
  const latest = new Map<string, Adjustment>();
  for await (const { key } of corrections.adjustments()) {
    const one = await corrections.readAdjustment(key);
    if (one.sequence >= (latest.get(one.requestId)?.sequence ?? 0)) latest.set(one.requestId, one);
  }
  return new Map([...latest].map(([requestId, { costMicroUsd }]) => [requestId, costMicroUsd]));
}

async function orphansOf({ store }: Stage): Promise<ReadonlyMap<string, number>> {
  const orphans = new Map<string, number>();
  for await (const { orphan } of new Corrections({ store }).orphans())
    orphans.set(orphan.requestId, orphan.costMicroUsd);
  return orphans;
}

async function checkEnds(
  stage: Stage,
  { batch, rows, ends }: Wanted,
  plan: readonly PlanRow[],
  violations: string[],
  counted: Record<string, number>,
): Promise<number> {
  const { journal, redis, prefix } = stage;
  // What had ended when Redis was lost is not brought back: the store alone knows of it then.
  const ended = await endedBefore(stage, batch);
  const known = await redis.hget(`${prefix}:batch:${batch}`, 'word');
  const word = known ?? (ended?.state === 'cancelled' ? 'cancelled' : null);
  let cancelled = 0;
  const delivered = await journal.deliveredNames(batch);
  const failures = await journal.failures(batch);
  let lost = 0;
  for (const { id, prompt } of rows) {
    const row = plan.find(({ shot }) => shot === id);
    if (row === undefined) {
      lost += 1;
      violations.push(`lost: ${batch}/${id} is in no plan`);
      continue;
    }
    const deliveries: Delivery[] = [];
    for (const { part } of row.requests) {
      const name = `${row.row}.${part}`;
      const state =
        (await redis.hget(`${prefix}:rec:${batch}.${name}`, 's')) ?? (known === null ? word : null);
      const end = delivered.has(name) ? 'delivered' : (failures.get(name)?.code ?? restOf(state, word));
      const delivery = delivered.has(name)
        ? await journal.readDelivery({ batch, row: row.row, part })
        : undefined;
      if (delivery !== undefined) deliveries.push(delivery);
      counted[end] = (counted[end] ?? 0) + 1;
      if (end === 'cancelled') cancelled += 1;
      const should = ends.get(id) ?? 'delivered';
      const isEnd = !end.startsWith('nowhere');
      // Nothing but a person's cancelling ends a request so, and it may meet any.
      if (end === 'cancelled' && word === 'cancelled') continue;
      if (isEnd && (should === 'ended' || should.split('|').includes(end))) continue;
      lost += 1;
      violations.push(`lost: ${batch}.${name} (${id}) ended ${end} where ${should} is due`);
    }
    await checkPictures(stage, { batch, row, prompt, deliveries }, violations);
  }
  if (known === null && ended !== undefined && cancelled !== ended.counts.cancelled) {
    lost += 1;
    violations.push(
      `lost: ${batch} ended with ${ended.counts.cancelled} cancelled where ${cancelled} have no end`,
    );
  }
  return lost;
}

/** What only Redis tells. */
function restOf(state: string | null, word: string | null): string {
  if (state === 'cancelled') return 'cancelled';
  return isHeld(state, word) ? 'held' : `nowhere (${state})`;
}

/** A batch of which not even the cheapest request fits under a cap is held as a whole, its records as they were. */
function isHeld(state: string | null, word: string | null): boolean {
  return state === 'held' || (state === 'planned' && word === 'held');
}

/** Of 256, in which a flat colour may differ after a lossy format. */
const LOSSY_STEPS = 6;

/** The files of a shot are those that its deliveries name, each once, and their pixels are those of its prompt. */
async function checkPictures(
  { store }: Stage,
  shot: { batch: string; row: PlanRow; prompt: string; deliveries: readonly Delivery[] },
  violations: string[],
): Promise<void> {
  const { batch, row, prompt, deliveries } = shot;
  const named = deliveries.flatMap(({ images }) => images.flatMap(({ renditions }) => renditions));
  const complete = deliveries.length === row.requests.length;
  const anyKey = objectKeys.rendition(batch, row.shot, 0, 'x', 'x');
  const folder = anyKey.slice(0, anyKey.lastIndexOf('/') + 1);
  const standing = new Set<string>();
  for await (const { key } of store.list(folder)) standing.add(key);
  const missing = named.filter(({ key }) => !standing.has(key));
  if (missing.length > 0 || (complete && standing.size !== named.length)) {
    violations.push(
      `renditions: ${batch}/${row.shot} has ${standing.size} files where ${named.length} are named`,
    );
  }
  const [red, green] = createHash('sha256').update(prompt).digest();
  for (const { images } of deliveries) {
    for (const { original, renditions } of images) {
      const [r = -99, g = -99] = await middleOf(store, original.key);
      // fal may answer another format than the one asked for, and a JPEG does not keep a colour to the last step.
      const apart = original.format === 'png' ? 0 : LOSSY_STEPS;
      if (Math.abs(r - Number(red)) > apart || Math.abs(g - Number(green)) > apart)
        violations.push(`pixels: ${original.key} is not the picture of ${batch}/${row.shot}`);
      for (const { key } of renditions) {
        const [rr = -99, gg = -99] = await middleOf(store, key);
        if (Math.abs(rr - (red ?? 0)) > 6 || Math.abs(gg - (green ?? 0)) > 6)
          violations.push(`pixels: ${key} is not made of the picture of ${batch}/${row.shot}`);
      }
    }
  }
}

async function middleOf(store: Stage['store'], key: string): Promise<readonly number[]> {
  const object = await store.get(key);
  if (object === undefined) return [];
  const picture = sharp(object.body);
  const { width = 2, height = 2 } = await picture.metadata();
  const pixel = await picture
    .extract({ left: width >> 1, top: height >> 1, width: 1, height: 1 })
    .toColourspace('srgb')
    .raw()
    .toBuffer();
  return [...pixel];
}

async function checkAtRest({ redis, prefix }: Stage, violations: string[]): Promise<void> {
  for (const key of await redis.keys(`${prefix.replace(/[{}]/g, '?')}:money:*`)) {
    const reserved = (await redis.hget(key, 'r')) ?? '0';
    if (reserved !== '0') violations.push(`reserved: ${reserved} µ$ at rest on ${key.slice(prefix.length)}`);
  }
  for (const key of await redis.keys(`${prefix.replace(/[{}]/g, '?')}:claim:*`)) {
    violations.push(`claims: ${key.slice(prefix.length)} is claimed at rest`);
  }
}
