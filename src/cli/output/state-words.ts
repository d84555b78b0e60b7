import type { State } from '../../shared/requests/states.ts';

/** What a state means, to a person. */
export const MEANINGS = {
  planned: 'waiting for a slot at fal',
  submitting: 'being sent to fal',
  submitted: 'at fal',
  generated: 'stored, waiting to be rendered',
  rendering: 'being rendered',
  delivered: 'done',
  failed: 'ended with a reason',
  held: 'waiting for a person',
  unknown: "fal's answer was lost and is being looked for",
  cancelled: 'never submitted',
} as const satisfies Record<State, string>;
