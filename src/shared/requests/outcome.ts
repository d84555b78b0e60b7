import { z } from 'zod';
import { STATES, type State } from './states.ts';

/** What a transition answered. */
export type Outcome =
  | {
      readonly code: 'ok';
      readonly round: number;
      readonly ended: boolean;
      readonly woken: readonly Woken[];
      /** Planned again in a batch that was cancelled: to be cancelled too. */
      readonly over?: true;
      /** For `fail`: the whole batch is held by this step, since it is failing together. */
      readonly holds?: true;
      /** For `store` and `deliver`: such a hold is lifted by this step; when it was made, ms since 1970. */
      readonly lifts?: number;
    }
  /** The record is gone, a later run took over, or its state does not allow this step: stop working on it. */
  | { readonly code: 'absent' | 'stale' | 'state'; readonly state: State | undefined }
  /** Redis forgot something since this worker last looked: nothing may be begun on it until it is rebuilt. */
  | { readonly code: 'lost' }
  /** For `accept`: another request, or an earlier round of this one, has fal's id. */
  | { readonly code: 'taken' }
  /** All submits are stopped, or the batch is paused, held or cancelled. */
  | { readonly code: 'stopped' | 'word'; readonly reason: string }
  /** Another live request may be paying for the same image; this one is woken when that is decided. */
  | { readonly code: 'claimed'; readonly owner: string }
  /** No room on a cap now; woken when something reserved is released. */
  | { readonly code: 'wait'; readonly scope: string }
  /** No room on a cap, and nothing reserved could make any. `whole`: not even the cheapest request of the batch fits. */
  | {
      readonly code: 'held';
      readonly scope: string;
      readonly whole: boolean;
      readonly woken: readonly Woken[];
    };

/** A waiting request that must be given a job now. */
export interface Woken {
  readonly request: string;
  readonly round: number;
}

export const woken = z.array(z.object({ request: z.string(), round: z.int() })).default([]);
const state = z.enum(STATES);

/** As the Lua of a transition answers it. */
export const outcome = z.discriminatedUnion('code', [
  z.object({
    code: z.literal('ok'),
    round: z.int(),
    ended: z.boolean().default(false),
    woken,
    seen: z.int().optional(),
    tick: z.int().optional(),
    over: z.literal(true).optional(),
    holds: z.literal(true).optional(),
    lifts: z.int().optional(),
  }),
  z.object({ code: z.enum(['absent', 'stale', 'state']), state: state.optional() }),
  z.object({ code: z.enum(['taken', 'lost']) }),
  z.object({ code: z.enum(['stopped', 'word']), reason: z.string() }),
  z.object({ code: z.literal('claimed'), reason: z.string() }),
  z.object({ code: z.literal('wait'), scope: z.string() }),
  z.object({ code: z.literal('held'), scope: z.string(), whole: z.boolean().default(false), woken }),
]);
