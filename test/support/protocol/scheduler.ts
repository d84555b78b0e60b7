import { isAtRest } from '../../../src/shared/requests/states.ts';
import { sendAside } from './fal-world.ts';
import { checkAlways, checkEnd } from './invariants.ts';
import { EMPTY, goBack, lookAround, restart, type Snapshot, takeSnapshot, writeMark } from './memory.ts';
import type { Mutation } from './mutations.ts';
import { decideByDashboard, resumeAll, retry, STRANGER, say } from './person.ts';
import { rebuild } from './rebuild.ts';
import { CALL_FAILED, CallFailed, type Run, type Step } from './steps.ts';
import { MOODS } from './together.ts';
import { work } from './worker.ts';
import { intentKey, openWorld, type Scenario, type Tracing, type World } from './world.ts';

/** What is played with, besides the world. */
interface Stage {
  readonly world: World;
  readonly scenario: Scenario;
  readonly alive: Alive[];
  /** Since Redis was last rebuilt or went back. */
  readonly snapshots: Snapshot[];
}

interface Alive {
  readonly name: string;
  readonly run: Run<void>;
  /** The process it runs in; a rebuild has one of its own. */
  readonly worker: number | undefined;
  /** The effect that comes next. */
  next: Step;
}

/** One decision of the scheduler: 8 bits what, 8 bits to whom, 8 bits how much. */
export type Choice = number;

/** Runs (zombies with them) that may be alive at once. */
const MAX_ALIVE = 6;
const BURSTS = [1, 1, 2, 3, 5, 8, 13] as const;
const TICKS_S = [1, 5, 12, 31, 90, 300, 931] as const;
/** Up more often than not, or hardly a list would come to its end. */
const MEDIA = ['up', 'down', 'up', 'undecodable'] as const;
const REBUILD = 'rebuild';
/** Choices below are of forgetting, where the line has it; above, of advancing. */
const FORGETTING = 72;
/** Enough for every request to be lost, proven absent and made again. */
const LAST_ROUNDS = 60;
/** A user looks at what stays unknown, where the list cannot tell, once in so many. */
const USER_LOOKS = 12;

/**
 * Plays one schedule: workers advance, crash, are overtaken, lose answers, as the choices say; then all faults end and
 * everything runs to where it can come by itself. Deterministic: the same choices give the same schedule.
 */
export function play(
  scenario: Scenario,
  choices: readonly Choice[],
  mutation?: Mutation,
  tracing: Tracing = 'untraced',
): World {
  const world = openWorld(scenario, mutation, tracing);
  const alive: Alive[] = [];
  const stage = { world, scenario, alive, snapshots: [] };
  for (const choice of choices) decide(stage, choice);
  settle(world, scenario, alive);
  checkEnd(world);
  return world;
}

function decide(stage: Stage, choice: Choice): void {
  const { world, scenario, alive } = stage;
  const what = choice & 255;
  const whom = (choice >> 8) & 255;
  const much = (choice >> 16) & 255;
  if (what < 60 || alive.length === 0) {
    const plan = scenario.requests[whom % scenario.requests.length];
    if (plan !== undefined && alive.length < MAX_ALIVE)
      start(world, alive, plan.id, { worker: whom >> 7, fate: much });
    return;
  }
  if (scenario.forgetful && what < FORGETTING) {
    forget(stage, what, whom);
    return;
  }
  const chosen = alive[whom % alive.length];
  if (chosen === undefined) return;
  if (what < 170) {
    const burst = BURSTS[much % BURSTS.length] ?? 1;
    for (let i = 0; i < burst && alive.includes(chosen); i += 1) {
      const lost = scenario.lossy && chosen.next.label === 'post' && (choice & 1) === 1;
      advance(world, alive, chosen, lost ? 'after' : 'well');
    }
    return;
  }
  if (what < 212) {
    if (what < 180) advance(world, alive, chosen, 'before');
    else if (what < 202) advance(world, alive, chosen, 'after');
    else if (much < 64) crashAll(world, alive, chosen);
    else crash(world, alive, chosen);
    return;
  }
  // Before a person's step counts, or a process begins anew, everybody sees what is gone.
  if (world.mutation !== 'lost-before-the-look') lookAround(world);
  if (what < 230) tick(world, TICKS_S[much % TICKS_S.length] ?? 1);
  else if (what < 233) stand(world);
  else if (what < 235) stranger(world, much);
  else if (what < 238) another(world, much);
  else if (what < 240) {
    const media = MEDIA[much % MEDIA.length] ?? 'up';
    world.media = media;
    world.trace?.push(`fal's media host is ${media}`);
  } else if (what < 244 && scenario.together === true && much < 192) changeMood(world, much);
  else if (what < 244) {
    world.listUp = !world.listUp;
    world.trace?.push(`fal's list is ${world.listUp ? 'up' : 'down'}`);
  } else if (what < 249) person(world, scenario, whom, much);
  else {
    const failed = scenario.requests.filter(({ id }) => world.records.get(id)?.state === 'failed');
    const plan = failed[whom % failed.length];
    if (plan !== undefined) retry(world, plan, much < 40 ? 'breaksOff' : 'whole');
  }
  checkAlways(world);
}

/** A moment to go back to, the going back, and a rebuild. */
function forget({ world, alive, snapshots }: Stage, what: number, whom: number): void {
  if (what < FORGETTING - 4) {
    if (!world.goneBack) snapshots.push(takeSnapshot(world));
    return;
  }
  if (what >= FORGETTING - 2) {
    // Also beside one that is under way, which is replaced by it.
    if (alive.length >= MAX_ALIVE) return;
    snapshots.length = 0;
    begin(world, alive, { name: REBUILD, run: rebuild(world), worker: undefined });
    return;
  }
  const snapshot = whom < 50 ? EMPTY : (snapshots[whom % Math.max(1, snapshots.length)] ?? EMPTY);
  snapshots.length = 0;
  // Whoever has looked since knows of the steps of others too.
  if (world.mutation !== 'lost-before-the-look') lookAround(world);
  if (world.mutation !== 'old-mark') writeMark(world);
  goBack(world, snapshot);
  world.goneBack = true;
  world.trace?.push(`${world.nowS} Redis ${snapshot === EMPTY ? 'is emptied' : 'goes back in time'}`);
  checkAlways(world);
}

const isRebuild = ({ name }: Alive): boolean => name.startsWith(REBUILD);

function start(
  world: World,
  alive: Alive[],
  request: string,
  by: { readonly worker: number; readonly fate: number },
): void {
  const plan = world.plans.get(request);
  if (plan === undefined) return;
  const worker = by.worker % world.workers.length;
  begin(world, alive, { name: request, run: work(world, plan, worker, () => by.fate), worker });
}

function begin(world: World, alive: Alive[], { name, run, worker }: Omit<Alive, 'next'>): void {
  const first = run.next();
  if (first.done === true) return;
  world.nonces += 1;
  const at = worker === undefined ? '' : `, process ${worker}`;
  alive.push({ name: `${name}@${world.nonces}${at}`, run, worker, next: first.value });
}

/** `before`: the call fails and has no effect; `after`: it has its effect, and the answer is lost. */
function advance(world: World, alive: Alive[], chosen: Alive, how: 'well' | 'before' | 'after'): void {
  const { label, kind } = chosen.next;
  world.trace?.push(`${world.nowS} ${chosen.name} ${label}${how === 'well' ? '' : `, fails ${how} it`}`);
  if (how !== 'before') chosen.next.execute();
  try {
    const following = how === 'well' ? chosen.run.next() : chosen.run.throw(CALL_FAILED);
    if (following.done === true) remove(alive, chosen);
    else chosen.next = following.value;
  } catch (error) {
    // The run gives up, as a job that throws does; another takes the request later.
    if (!(error instanceof CallFailed)) throw error;
    remove(alive, chosen);
  }
  // Where somebody reads along there is time to see that a look changed nothing.
  if (kind === 'change' || world.trace !== undefined) checkAlways(world);
}

function crash(world: World, alive: Alive[], chosen: Alive): void {
  world.trace?.push(`${world.nowS} ${chosen.name} crashes before ${chosen.next.label}`);
  remove(alive, chosen);
}

/** The whole process ends, and begins anew. */
function crashAll(world: World, alive: Alive[], { worker }: Alive): void {
  if (worker === undefined) return;
  for (const each of alive.filter((one) => one.worker === worker)) crash(world, alive, each);
  restart(world, worker);
}

function tick(world: World, seconds: number): void {
  world.nowS += seconds;
}

/** fal's list stands still, or goes on. */
function stand(world: World): void {
  world.listFrozenAtS = world.listFrozenAtS === undefined ? world.nowS : undefined;
  world.trace?.push(
    `${world.nowS} fal's list ${world.listFrozenAtS === undefined ? 'goes on' : 'stands still'}`,
  );
}

/** Somebody else asks fal for what looks like ours, and is more. */
function stranger(world: World, much: number): void {
  const posted =
    much % 2 === 0 ? { prompt: 'cup', n: 1, tone: 'loud' } : { prompt: 'cup on a tray', n: 1, tone: 'loud' };
  world.trace?.push(`${world.nowS} somebody else asks for ${JSON.stringify(posted)}`);
  sendAside(world, `${STRANGER}${world.submissions.size + 1}`, posted, much);
}

/** A picture of another list is made: fal answers at once. */
function another(world: World, much: number): void {
  const id = `later${world.submissions.size + 1}`;
  const posted = { prompt: much % 2 === 0 ? 'bowl of fruit and more' : 'jar', n: 1 };
  sendAside(world, id, posted, much);
  world.intents.set(intentKey(id, 1), { nonce: id, atS: world.nowS, posted, indices: [0] });
  world.idObjects.set(id, { request: id, round: 1, how: 'answered' });
  world.trace?.push(`${world.nowS} ${id} is answered: ${JSON.stringify(posted)}`);
}

/** Pauses, resumes or cancels a batch. */
function person(world: World, scenario: Scenario, whom: number, much: number): void {
  const { stop } = world.memory;
  if (stop === 'price_changed' || stop === 'balance' || world.together.stopped) {
    resumeAll(world);
    return;
  }
  const batch = scenario.requests[whom % scenario.requests.length]?.batch;
  if (batch === undefined || world.events.get(batch)?.some(({ kind }) => kind === 'cancel')) return;
  say(world, batch, much < 100 ? 'paused' : much < 235 ? 'running' : 'cancelled');
}

/** fal refuses all from here on, or none. */
function changeMood(world: World, much: number): void {
  world.mood = world.mood === 'well' ? (MOODS[much % MOODS.length] ?? 'well') : 'well';
  world.trace?.push(`${world.nowS} fal is ${world.mood}`);
}

function settle(world: World, scenario: Scenario, alive: Alive[]): void {
  world.listUp = true;
  world.media = 'up';
  world.listFrozenAtS = undefined;
  world.mood = 'well';
  world.trace?.push(`${world.nowS} faults end`);
  // Once more where one that another had replaced wrote its life to the store all the same.
  do {
    if (isToBeRebuilt(world)) {
      for (const each of alive.filter(isRebuild)) remove(alive, each);
      begin(world, alive, { name: REBUILD, run: rebuild(world), worker: undefined });
    }
    for (let each = alive.find(isRebuild); each !== undefined; each = alive.find(isRebuild)) {
      advance(world, alive, each, 'well');
    }
  } while (isToBeRebuilt(world));
  resumeAll(world);
  goOn(world);
  for (let round = 0; round < LAST_ROUNDS; round += 1) {
    while (alive[0] !== undefined) advance(world, alive, alive[0], 'well');
    const open = scenario.requests.filter(({ id }) => !isAtRest(world.records.get(id)?.state ?? 'failed'));
    if (open.length === 0) return;
    resumeAll(world);
    goOn(world);
    for (const { id } of open) start(world, alive, id, { worker: round, fate: 0 });
    // What is made later shows that the list is up to date, and shows what was POSTed if it does so at all.
    if (open.some(({ id }) => world.records.get(id)?.state === 'unknown')) another(world, round);
    if (round % USER_LOOKS === USER_LOOKS - 1) for (const { id } of open) decideByDashboard(world, id);
    tick(world, 200);
  }
}

/** A person has looked at why a batch is paused or held. */
function goOn(world: World): void {
  for (const [batch, word] of world.batches)
    if (word === 'paused' || word === 'held') say(world, batch, 'running');
}

/** What `shotlist worker` refuses to begin on. */
function isToBeRebuilt({ goneBack, memory, newestLife }: World): boolean {
  return goneBack || memory.life !== newestLife;
}

function remove(alive: Alive[], chosen: Alive): void {
  alive.splice(alive.indexOf(chosen), 1);
}
