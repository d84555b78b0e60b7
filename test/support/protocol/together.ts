import { COUNTED_ON, type Counter, ENDS_ROW } from '../../../src/shared/requests/failing.ts';
import type { TransitionName } from '../../../src/shared/requests/states.ts';
import { waitFor, wake } from './waiting.ts';
import type { RequestPlan, RequestRecord, World } from './world.ts';

/** Small, so that lists of six come to it: failures in a row that hold a batch, until its first good picture. */
export const LIMIT = 2;
const AFTER_A_GOOD_ONE = 2;
/** 423 in a row that stop the endpoint. */
const MAX_LOCKED = 2;

/** What fal says to each POST, whatever it asks for. `broke`: 402; `gone`: 404; `locked`: 423. */
export const MOODS = ['broke', 'gone', 'locked'] as const;
export type Mood = 'well' | (typeof MOODS)[number];

interface Row {
  code: string;
  n: number;
  good: boolean;
}

/** In Redis: the stop of the one endpoint, and the failures in a row. */
export interface Together {
  stopped: boolean;
  /** Whose answer the others wait for, since the stop was lifted; empty: the next one goes. */
  first: string | undefined;
  locked: number;
  readonly rows: Map<string, Row>;
  /** The counter that holds a batch. */
  readonly heldBy: Map<string, Counter>;
  /** What the judge counts for itself: goes back with Redis, as what it counts does. */
  readonly judged: {
    readonly rows: Map<string, Row>;
    readonly mustRest: Set<string>;
    /** Sent first since a lift; empty: nobody yet. */
    first: string | undefined;
  };
}

export interface Judge {
  /** What fal said last to a request. */
  readonly answers: Map<string, string>;
  readonly broken: string[];
}

export const newTogether = (): Together => ({
  stopped: false,
  first: undefined,
  locked: 0,
  rows: new Map(),
  heldBy: new Map(),
  judged: { rows: new Map(), mustRest: new Set(), first: undefined },
});

export const newJudge = (): Judge => ({
  answers: new Map(),
  broken: [],
});

export function copyTogether(from: Together): Together {
  const copy = (rows: Together['rows']) => new Map([...rows].map(([key, row]) => [key, { ...row }]));
  const { rows, mustRest, first } = from.judged;
  const judged = { rows: copy(rows), mustRest: new Set(mustRest), first };
  return { ...from, rows: copy(from.rows), heldBy: new Map(from.heldBy), judged };
}

/** The stop of the endpoint, in the step `reserve` or `confirm`: undefined lets it go on. */
export function refusedByEndpoint(
  world: World,
  record: RequestRecord,
  name: TransitionName,
): 'gone' | 'stopped' | 'wait' | undefined {
  if (name !== 'reserve' && name !== 'confirm') return undefined;
  const { together } = world;
  if (together.stopped) {
    if (name === 'confirm') return 'stopped';
    record.state = 'held';
    record.heldByEndpoint = true;
    world.used.add('hold planned');
    return 'gone';
  }
  const { first } = together;
  if (first === undefined || first === record.plan.id) return undefined;
  // Reserved before the stop: it was not chosen to go first.
  if (name === 'confirm') return 'stopped';
  if (world.records.get(first)?.state !== 'submitting') return undefined;
  waitFor(world, ENDPOINT, record.plan.id);
  return 'wait';
}

const ENDPOINT = 'endpoint';

/** The failure of a request for which others were paid, and whose picture cannot be had: fal was not asked for it. */
export const UNCOUNTED = 'paid by others';

/** What else the step does that has moved the record: who goes first, and the failures in a row. */
export function alsoInTheStep(
  world: World,
  record: RequestRecord,
  step: { readonly name: TransitionName; readonly before: RequestRecord['state']; readonly code: string },
): void {
  if (!world.isTogether) return;
  const { name, before } = step;
  const { together } = world;
  judgeFirst(world, record, step);
  if (name === 'confirm') judgeSending(world, record);
  if (name === 'reserve' && together.first !== undefined) {
    together.first = record.plan.id;
    record.goesFirst = true;
  }
  if (before === 'submitting' && record.state !== 'submitting' && record.goesFirst) {
    record.goesFirst = false;
    if (together.first === record.plan.id) {
      const answered = record.state === 'submitted' || record.state === 'failed';
      together.first = answered ? undefined : '';
      wake(world, ENDPOINT, answered ? 1_000 : 1);
    }
  }
  if (name === 'accept' && before === 'submitting') together.locked = 0;
  if (record.state !== 'held') record.heldByEndpoint = false;
  if (name === 'store' || name === 'deliver') endRow(world, record, ENDS_ROW[name]);
  const counter = name === 'fail' && step.code !== UNCOUNTED ? counterOf(before) : undefined;
  if (counter === undefined) return;
  judgeFailure(world, record, counter, step.code);
  const { mutation } = world;
  if (mutation === 'count-outside-the-step') return;
  countFailure(world, record, counter, step.code);
  if (mutation !== 'hold-not-in-the-step') holdAtLimit(world, record, counter);
}

/** Breaks that do in a step of their own what belongs into the record's. */
export function isApart(mutation: World['mutation']): boolean {
  return mutation === 'count-outside-the-step' || mutation === 'hold-not-in-the-step';
}

/** The store learns of a hold from the worker whose step made it. */
export function noteHold(world: World, { id, batch }: RequestPlan, code: string): void {
  if (world.batches.get(batch) !== 'held') return;
  const failing = { code, failures: LIMIT, request: id, shot: id, message: 'no' };
  world.events.get(batch)?.push({ kind: 'hold', at: world.nowS * 1_000, failing });
}

/** For breaks that do in a step of their own what belongs into the record's. */
export function afterTheStep(world: World, record: RequestRecord, code: string): void {
  if (code === UNCOUNTED) return;
  for (const counter of ['made', 'rendered'] as const) {
    const row = rowOf(world.together.rows, record, counter);
    if (world.mutation === 'count-outside-the-step') {
      if (counter !== 'made') continue;
      countFailure(world, record, counter, code);
    } else if (world.mutation !== 'hold-not-in-the-step') return;
    if (row.n > 0) holdAtLimit(world, record, counter);
  }
}

function counterOf(state: RequestRecord['state']): Counter | undefined {
  return (COUNTED_ON as Partial<Record<RequestRecord['state'], Counter>>)[state];
}

function rowOf(rows: Map<string, Row>, { plan }: RequestRecord, counter: Counter): Row {
  const key = `${plan.batch}/${counter}`;
  const row = rows.get(key) ?? { code: '', n: 0, good: false };
  rows.set(key, row);
  return row;
}

function count(row: Row, code: string): void {
  row.n = row.code === code ? row.n + 1 : 1;
  row.code = code;
}

const limitOf = ({ good }: Row) => (good ? LIMIT * AFTER_A_GOOD_ONE : LIMIT);

function countFailure(world: World, record: RequestRecord, counter: Counter, code: string): void {
  count(rowOf(world.together.rows, record, counter), code);
}

function holdAtLimit(world: World, record: RequestRecord, counter: Counter): void {
  const row = rowOf(world.together.rows, record, counter);
  if (!isDue(world, record, row)) return;
  const { batch } = record.plan;
  if (rowOf(world.together.judged.rows, record, counter).n < limitOf(row))
    world.judge.broken.push(
      `${batch} is held by ${row.n} failures, most of which a resume has forgotten: lost`,
    );
  world.batches.set(batch, 'held');
  world.together.heldBy.set(batch, counter);
  world.trace?.push(`${world.nowS} ${batch} is held: its requests fail together`);
}

function isDue(world: World, { plan }: RequestRecord, row: Row): boolean {
  const waiting = [...world.records.values()].filter(
    (one) => one.plan.batch === plan.batch && one.state === 'planned',
  ).length;
  return row.n >= limitOf(row) && world.batches.get(plan.batch) === 'running' && waiting > limitOf(row);
}

function endRow(world: World, record: RequestRecord, counter: Counter): void {
  const { batch } = record.plan;
  for (const rows of [world.together.rows, world.together.judged.rows]) {
    const row = rowOf(rows, record, counter);
    row.n = 0;
    row.code = '';
    row.good = true;
  }
  if (counter === 'made') world.together.judged.mustRest.delete(batch);
  if (world.batches.get(batch) !== 'held' || world.together.heldBy.get(batch) !== counter) return;
  world.batches.set(batch, 'running');
  world.together.heldBy.delete(batch);
  world.events.get(batch)?.push({ kind: 'resume', at: world.nowS * 1_000 });
}

function judgeFailure(world: World, record: RequestRecord, counter: Counter, code: string): void {
  const row = rowOf(world.together.judged.rows, record, counter);
  count(row, code);
  if (counter === 'made' && isDue(world, record, row)) world.together.judged.mustRest.add(record.plan.batch);
}

/** Since a lift one request goes first: whoever else is sent before its answer meets the same no. */
function judgeFirst(
  { together: { judged, stopped }, judge }: World,
  { plan, state }: RequestRecord,
  { name, before }: { readonly name: TransitionName; readonly before: RequestRecord['state'] },
): void {
  if (judged.first === undefined || stopped) return;
  if (name === 'confirm' && judged.first === '') judged.first = plan.id;
  else if (name === 'confirm' && judged.first !== plan.id)
    judge.broken.push(`${plan.id} is submitted before the first one since the lift has its answer`);
  if (judged.first === plan.id && before === 'submitting' && state !== 'submitting')
    judged.first = state === 'submitted' || state === 'failed' ? undefined : '';
}

function judgeSending(world: World, { plan }: RequestRecord): void {
  if (world.together.judged.mustRest.has(plan.batch))
    world.judge.broken.push(`${plan.id} is submitted after as many failures as hold its batch`);
}

/** A resume of the batch: it holds again after as many more. */
export function resumed(world: World, batch: string): void {
  world.together.heldBy.delete(batch);
  for (const counter of ['made', 'rendered'] as const) {
    for (const rows of [world.together.rows, world.together.judged.rows]) {
      const row = rows.get(`${batch}/${counter}`);
      const isKept = world.mutation === 'resume-keeps-the-count' && rows === world.together.rows;
      if (row === undefined || isKept) continue;
      row.n = 0;
      row.code = '';
    }
  }
  world.together.judged.mustRest.delete(batch);
}

/** fal says that the endpoint is not there, or said too often that it is locked; those that waited meet it. */
export function stopEndpoint(world: World): void {
  world.together.stopped = true;
  world.together.first = undefined;
  world.together.judged.first = undefined;
  world.together.locked = 0;
  wake(world, ENDPOINT, 1_000);
}

/** Answers whether the endpoint is to be stopped by now. */
export function countLocked(world: World): boolean {
  world.together.locked += 1;
  return world.together.locked >= MAX_LOCKED;
}

export function liftEndpoint(world: World): void {
  if (!world.together.stopped) return;
  world.together.stopped = false;
  world.together.first = world.mutation === 'lift-lets-all-go' ? undefined : '';
  world.together.judged.first = '';
  world.trace?.push(`${world.nowS} a person lifts the stop of the endpoint`);
}

/** No row is at fault for what fal says to all. */
export function blamedRow(world: World): string | undefined {
  for (const { plan, state } of world.records.values()) {
    const answer = world.judge.answers.get(plan.id);
    if (state === 'failed' && answer !== undefined && answer !== 'row')
      return `${plan.id} is lost: it failed, and what fal said (${answer}) is no fault of its own`;
  }
  return undefined;
}
