import type { Mutation } from './mutations.ts';

/**
 * By which schedule of seed 7 each break shows. A step that is added to the model shifts all of them:
 * `npm run protocol -- --seed 7 --runs 1000000 --mutation NAME` finds the new one.
 */
export const SHOWN_BY = {
  'post-again-when-unknown': 7,
  'skip-confirm': 12,
  'no-epoch-check': 1_376,
  'late-post': 73,
  'adopt-without-create-once': 0,
  'ids-without-round': 0,
  'take-in-store-first': 1_696,
  'two-ids-for-a-round': 156,
  'adopt-among-rivals': 3_380,
  'absent-before-time': 7,
  'absent-at-own-time': 9_707,
  'release-at-lose': 7,
  'book-without-create-once': 0,
  'store-before-book': 0,
  'price-rise-goes-on': 15,
  'ignore-claims': 7,
  'no-witness': 910,
  'own-steps-only': 755,
  'lost-before-the-look': 755,
  'old-mark': 283,
  'rebuild-plans-anew': 9,
  'rebuild-reuses-rounds': 1_857,
  'rebuild-reuses-epochs': 897,
  'rebuild-goes-on-when-replaced': 1_046,
  'rebuild-forgets-reservations': 9,
  'rebuild-claims-for-one': 8_928,
  'retry-in-the-same-round': 26,
  'pay-for-existing': 4,
  'keep-lost-id': 91_251,
  'refused-in-silence': 85_321,
  'witness-at-submits-only': 1_979,
  'taken-is-absent': 508_002,
  'fail-before-paid-note': 701,
  'damaged-before-paid-note': 2_136,
  'paid-is-nothing': 346,
  'refetch-in-the-next-round': 18,
} as const satisfies Partial<Record<Mutation, number>>;
