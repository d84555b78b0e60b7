import type { Mutation } from './mutations.ts';

/**
 * By which schedule of seed 7 each break shows. A step that is added to the model shifts all of them:
 * `npm run protocol -- --seed 7 --runs 1000000 --mutation NAME` finds the new one.
 */
export const SHOWN_BY = {
  'post-again-when-unknown': 4,
  'skip-confirm': 20,
  'no-epoch-check': 4903,
  'late-post': 1800,
  'adopt-without-create-once': 6,
  'ids-without-round': 6,
  'take-in-store-first': 1480,
  'two-ids-for-a-round': 81,
  'adopt-among-rivals': 705,
  'absent-before-time': 4,
  'release-at-lose': 4,
  'book-without-create-once': 6,
  'store-before-book': 1,
  'price-rise-goes-on': 2,
  'ignore-claims': 3,
  'no-witness': 9,
  'rebuild-plans-anew': 9,
  'rebuild-reuses-rounds': 360,
  'rebuild-reuses-epochs': 3722,
  'rebuild-goes-on-when-replaced': 303,
  'rebuild-forgets-reservations': 9,
  'rebuild-claims-for-one': 8,
  'retry-in-the-same-round': 1,
  'pay-for-existing': 12,
  'keep-lost-id': 977,
  'taken-is-absent': 9109,
  'witness-at-submits-only': 4136,
} as const satisfies Partial<Record<Mutation, number>>;
