import { promisify } from 'node:util';
import { gunzipSync, gzip } from 'node:zlib';
import { z } from 'zod';
import { messageOf } from '../base/errors.ts';
import { SENTENCE_CHARACTERS, shortened } from '../base/text.ts';
import { PLAN_CHUNK_BYTES, PLAN_CHUNK_ROWS, UnreadablePlanError } from './plan-chunks.ts';

/**
 * One row of a batch's plan, as it stands in the plan chunks in S3 (one JSON document a line; `PlanCutter` says
 * where chunks end). The plan never changes once written; Redis holds none of this, so prompts cost it nothing.
 */
const microUsd = z.int().min(0);

const plannedRequest = z.object({
  /** Number within the row, from 0. */
  part: z.int().min(0),
  /** Which of the shot's variants this request makes. */
  indices: z.array(z.int().min(0)).min(1),
  /**
   * `pay`: ask fal. `fetch`: fal was paid for the pictures already, which could not be had yet. `reuse`: the originals exist
   * already, only renditions are made.
   */
  kind: z.enum(['pay', 'fetch', 'reuse']),
  /** What is reserved: the dearest that this request can cost. 0 for `fetch` and `reuse`. */
  maxMicroUsd: microUsd,
  /** The cheapest that it can cost: differs only where an option is `auto`. */
  minMicroUsd: microUsd,
});

const shotKey = z.string().regex(/^[0-9a-f]{32}$/);

export const planRow = z.object({
  /** Place in the list, from 0. */
  row: z.int().min(0),
  /** The person's id of the shot, as written. */
  shot: z.string(),
  shotKey,
  /** Of a redo's row: the number of the take that it makes, which is part of its shot key. Elsewhere take 0. */
  take: z.int().min(1).optional(),
  /** Of a picture that is made anew though no person asked: the reason, for the ledger. */
  why: z.string().optional(),
  /** Key of the model registry: the endpoint id. */
  model: z.string(),
  /** Resolved: templates are filled in. */
  prompt: z.string(),
  /** fal's inputs but `prompt` and `num_images`, `sync_mode` included only where it is true. */
  input: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  recipe: z.string(),
  /** The template of its files' names; absent where these have the default names. */
  names: z.string().optional(),
  variants: z.int().min(1).max(100),
  /** All columns of the person's row, in their order, as text. */
  columns: z.record(z.string(), z.string()),
  requests: z.array(plannedRequest),
  /**
   * By the variant's number: the shot key of the take that counted when this was planned, where it is not take 0. Not
   * part of the plan's digest, as `requests` is not.
   */
  takes: z.record(z.string().regex(/^\d{1,3}$/), shotKey).optional(),
});

export type PlanRow = z.infer<typeof planRow>;
export type PlannedRequest = z.infer<typeof plannedRequest>;

/** A row by its requests alone: what a queue must know of it. */
export interface PlannedRow {
  readonly row: number;
  readonly requests: readonly Pick<PlannedRequest, 'part' | 'kind'>[];
}

/** Prompts and columns shrink to a fifth even here; higher levels take twice the time for a tenth of the bytes. */
const GZIP_LEVEL = 3;
/** The header's byte that names the operating system; 255: unknown. */
const GZIP_OS_BYTE = 9;

const gzipAsync = promisify(gzip);

/** The bytes of a plan chunk: the same rows always make the same bytes, on every operating system. */
export function encodePlanChunk(rows: readonly PlanRow[]): Promise<Buffer> {
  return packPlanLines(rows.map((row) => JSON.stringify(row)));
}

/** `encodePlanChunk` for rows that are JSON already. */
export async function packPlanLines(lines: readonly string[]): Promise<Buffer> {
  const bytes = await gzipAsync(`${lines.join('\n')}\n`, { level: GZIP_LEVEL });
  bytes[GZIP_OS_BYTE] = 255;
  return bytes;
}

/** Throws an `UnreadablePlanError` where the bytes are no plan chunk, or a larger one than any writer makes. */
export function readPlanChunk(bytes: Uint8Array): PlanRow[] {
  return parsedLines(bytes, planRow).rows;
}

/** `readPlanChunk`, and how many bytes the rows are as JSON. */
export function readSizedChunk(bytes: Uint8Array): { readonly rows: PlanRow[]; readonly sizeBytes: number } {
  return parsedLines(bytes, planRow);
}

function parsedLines<T>(
  bytes: Uint8Array,
  schema: z.ZodType<T>,
): { readonly rows: T[]; readonly sizeBytes: number } {
  try {
    const unpacked = gunzipSync(bytes, { maxOutputLength: PLAN_CHUNK_BYTES });
    // One line more than rows: the last one is empty.
    const lines = unpacked.toString().split('\n', PLAN_CHUNK_ROWS + 2);
    if (lines.length > PLAN_CHUNK_ROWS + 1) throw new RangeError(`more than ${PLAN_CHUNK_ROWS} rows`);
    const rows = lines.flatMap((line) => (line === '' ? [] : [schema.parse(JSON.parse(line))]));
    return { rows, sizeBytes: unpacked.length };
  } catch (thrown) {
    throw new UnreadablePlanError(`not a plan chunk: ${shortened(messageOf(thrown), SENTENCE_CHARACTERS)}`, {
      cause: thrown,
    });
  }
}

const planShot = planRow.pick({ shot: true, shotKey: true, variants: true, model: true });

/** What a row wants, without its prompt and columns. */
export type PlanShot = z.infer<typeof planShot>;

/** The rows of a chunk by what they want alone, for who goes through a whole plan. Throws as `readPlanChunk` does. */
export function readPlanShots(bytes: Uint8Array): PlanShot[] {
  return parsedLines(bytes, planShot).rows;
}
