import type { Mutation } from './mutations.ts';

/**
 * By which schedule of seed 7 each break shows. A step that is added to the model shifts all of them:
 * `npm run protocol -- --seed 7 --runs 1000000 --mutation NAME` finds the new one.
 */
export const SHOWN_BY = {
  'post-again-when-unknown': 13,
  'skip-confirm': 40,
  'no-epoch-check': 13_266,
  'late-post': 1_194,
  'adopt-without-create-once': 0,
  'ids-without-round': 0,
  'take-in-store-first': 1_696,
  'two-ids-for-a-round': 87,
  'adopt-among-rivals': 1_649,
  'absent-before-time': 13,
  'absent-at-own-time': 2_192,
  'release-at-lose': 13,
  'book-without-create-once': 0,
  'store-before-book': 0,
  'price-rise-goes-on': 7,
  'ignore-claims': 4,
  'no-witness': 1_606,
  'own-steps-only': 755,
  'lost-before-the-look': 755,
  'old-mark': 28_731,
  'rebuild-plans-anew': 9,
  'rebuild-reuses-rounds': 1_151,
  'rebuild-reuses-epochs': 897,
  'rebuild-goes-on-when-replaced': 1_046,
  'rebuild-forgets-reservations': 9,
  'rebuild-claims-for-one': 2_964,
  'retry-in-the-same-round': 187,
  'pay-for-existing': 4,
  'keep-lost-id': 5_209,
  'refused-in-silence': 34_544,
  'witness-at-submits-only': 16_864,
  'taken-is-absent': 346_559,
  'count-outside-the-step': 59,
  'hold-not-in-the-step': 59,
  'resume-keeps-the-count': 14,
  'gone-endpoint-fails-the-row': 55,
} as const satisfies Partial<Record<Mutation, number>>;
