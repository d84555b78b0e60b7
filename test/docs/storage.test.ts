import { describe, expect, it } from '@jest/globals';
import { PLAN_CHUNK_ROWS } from '../../src/shared/journal/plan-chunks.ts';
import { objectKeys } from '../../src/shared/store/keys.ts';
import { readPage, tableOf } from '../support/docs.ts';

const page = await readPage('docs/storage.md');
const request = { batch: 'spring', row: 7, part: 0 };
const shotKey = '9f0246996952e013ce975d14b4ab8ba5';
const id = '98bdce97-7910';

/** Every key that the code can make, for one made-up batch. */
const examples: Readonly<Record<keyof typeof objectKeys, string>> = {
  originals: objectKeys.originals(shotKey),
  original: objectKeys.original(shotKey, 0, 'png'),
  paid: objectKeys.paid(shotKey, 0, id),
  gone: objectKeys.gone(shotKey, 0, id),
  damaged: objectKeys.damaged(shotKey, 0, 2),
  rendition: objectKeys.rendition('spring', 'mug-1', 0, 'thumb', 'jpg'),
  named: objectKeys.named('spring', 'mug-1-thumb.jpg'),
  manifest: objectKeys.manifest('spring', 'jsonl'),
  batchFolder: objectKeys.batchFolder('spring'),
  head: objectKeys.head('spring'),
  planChunk: objectKeys.planChunk('spring', 0),
  intents: objectKeys.intents('spring'),
  intent: objectKeys.intent(request, 2),
  deliveries: objectKeys.deliveries('spring'),
  delivery: objectKeys.delivery(request),
  failures: objectKeys.failures('spring'),
  failure: objectKeys.failure(request, 2),
  events: objectKeys.events('spring'),
  event: objectKeys.event('spring', 1_795_525_699_749, 'a1b2c3'),
  roundsHave: objectKeys.roundsHave('spring'),
  roundHas: objectKeys.roundHas(request, 2, 0),
  roundIds: objectKeys.roundIds('spring'),
  roundId: objectKeys.roundId(request, 2, id),
  summary: objectKeys.summary('spring'),
  id: objectKeys.id(id),
  result: objectKeys.result(id),
  lives: objectKeys.lives,
  life: objectKeys.life('01795525699749-a1b2c3'),
  mark: objectKeys.mark('01795525699749-a1b2c3'),
  houseEvents: objectKeys.houseEvents,
  houseEvent: objectKeys.houseEvent(1_795_525_699_749, 'a1b2c3'),
  ledger: objectKeys.ledger,
  ledgerDay: objectKeys.ledgerDay('2026-11-24'),
  adjustments: objectKeys.adjustments,
  adjustmentDay: objectKeys.adjustmentDay('2026-11-24'),
  catalog: objectKeys.catalog('spring'),
  catalogEntry: objectKeys.catalogEntry('spring', {
    batch: 'spring-1',
    at: 1_795_525_699_749,
    prune: false,
  }),
  takes: objectKeys.takes,
  take: objectKeys.take(shotKey, 1_795_525_699_749, 'a1b2c3'),
  recipe: objectKeys.recipe('newsletter@0a1b2c3d4e5f'),
  schedules: objectKeys.schedules,
  scheduleEvents: objectKeys.scheduleEvents('nightly'),
  scheduleEvent: objectKeys.scheduleEvent('nightly', 1_795_525_699_749, 'a1b2c3'),
  scheduleRuns: objectKeys.scheduleRuns('nightly'),
  scheduleRun: objectKeys.scheduleRun('nightly', 1_795_582_800_000),
  orphans: objectKeys.orphans,
  orphan: objectKeys.orphan(id),
};

describe('docs/storage.md', () => {
  it('has every key as the code makes it', () => {
    const said = Object.fromEntries(
      [...tableOf(page, 'name'), ...tableOf(page, 'prefix')].map(([name = '', key]) => [name, key]),
    );
    expect(said).toEqual(examples);
  });

  it('says how many rows a plan chunk holds', () => {
    expect(page).toContain(`| ${PLAN_CHUNK_ROWS} rows of the list`);
  });
});
