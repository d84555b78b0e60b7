import { z } from 'zod';

/**
 * One row of a batch's plan, as it stands in the plan chunks in S3 (one JSON document a line, `PLAN_CHUNK_ROWS` rows a
 * chunk). The plan never changes once written; Redis holds none of this, so prompts cost it nothing.
 */
export const PLAN_CHUNK_ROWS = 250;

const microUsd = z.int().min(0);

const plannedRequest = z.object({
  /** Number within the row, from 0. */
  part: z.int().min(0),
  /** Which of the shot's variants this request makes. */
  indices: z.array(z.int().min(0)).min(1),
  /** `pay`: ask fal. `reuse`: the originals exist already, only renditions are made. */
  kind: z.enum(['pay', 'reuse']),
  /** What is reserved: the dearest that this request can cost. 0 for `reuse`. */
  maxMicroUsd: microUsd,
  /** The cheapest that it can cost: differs only where an option is `auto`. */
  minMicroUsd: microUsd,
});

export const planRow = z.object({
  /** Place in the list, from 0. */
  row: z.int().min(0),
  /** The person's id of the shot, as written. */
  shot: z.string(),
  shotKey: z.string().regex(/^[0-9a-f]{32}$/),
  /** Key of the model registry: the endpoint id. */
  model: z.string(),
  /** Resolved: templates are filled in. */
  prompt: z.string(),
  /** fal's inputs but `prompt` and `num_images`, `sync_mode` included only where it is true. */
  input: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  recipe: z.string(),
  variants: z.int().min(1).max(100),
  /** All columns of the person's row, in their order, as text. */
  columns: z.record(z.string(), z.string()),
  requests: z.array(plannedRequest),
});

export type PlanRow = z.infer<typeof planRow>;
export type PlannedRequest = z.infer<typeof plannedRequest>;
