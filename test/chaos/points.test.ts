import { describe, expect, it } from '@jest/globals';
import { recordPoints } from './crash-points.ts';
import { runOperationCrash } from './operation-crashes.ts';
import { runPoints } from './run-points.ts';

/** A sample that the seed picks; `npm run chaos -- --points` goes through all of them (docs/guarantees.md). */
const SEED = 'ci';

function redisUrl(): string {
  const url = process.env['TEST_REDIS_URL'];
  if (url === undefined) throw new Error('TEST_REDIS_URL is set by test/support/global-setup.ts');
  return url;
}

/** Each run has a prefix of its own. */
const LANES = Array.from({ length: 5 }, redisUrl);

describe('a process that dies at a point of the protocol', () => {
  it('leaves nothing paid twice, lost, over a cap or off the books', async () => {
    const summary = await runPoints({
      lanes: LANES,
      seed: SEED,
      points: 14,
      commands: 0,
      pairs: 4,
    });
    expect(summary.violations).toEqual([]);
    expect(summary).toMatchObject({ runs: 18, paidTwice: 0, lost: 0, capBreaches: 0 });
    expect(summary.ledgerDifferenceMicroUsd).toBe(0);
  }, 180_000);

  it('leaves nothing so either where it is a person who gives the command again', async () => {
    const summary = await runPoints({
      lanes: LANES,
      seed: SEED,
      points: 0,
      commands: 6,
      pairs: 0,
    });
    expect(summary.violations).toEqual([]);
    expect(summary).toMatchObject({ runs: 6, paidTwice: 0, lost: 0, capBreaches: 0 });
    expect(summary.ledgerDifferenceMicroUsd).toBe(summary.assumedMicroUsd);
    expect(summary.points).toBeGreaterThan(100);
  }, 180_000);

  it('leaves no charge behind that the same reconcile, given again, would have attached', async () => {
    const point = 'before records.attach';
    const { reached, violations } = await runOperationCrash(
      'reconcile',
      [{ point, nth: 1, signal: 'SIGKILL' }],
      redisUrl(),
    );
    expect(reached).toBe(1);
    expect(violations).toEqual([]);
  }, 120_000);

  it('has a point before and after every kind of effect', async () => {
    const { worker, producer } = await recordPoints(redisUrl());
    const names = new Set([...worker.keys(), ...producer.keys()].map((point) => point.split(' ')[1]));
    expect([...names]).toEqual(
      expect.arrayContaining([
        'records.reserve',
        'journal.writeIntent',
        'records.confirm',
        'fal.submit',
        'records.accept',
        'journal.takeId',
        'records.lose',
        'records.absent',
        'records.release',
        'records.rerun',
        'journal.writeResult',
        'journal.writeLedger',
        'records.book',
        'store.putOnce',
        'records.store',
        'queues.add.collect',
        'queues.add.render',
        'records.render',
        'store.put',
        'journal.writeDelivery',
        'records.deliver',
        'journal.writeFailure',
        'records.fail',
        'batches.summarized',
        'journal.writeHead',
        'batches.create',
        'journal.writeChunk',
        'records.create',
        'batches.complete',
        'journal.writeEvent',
        'batches.setWord',
      ]),
    );
  }, 60_000);
});
