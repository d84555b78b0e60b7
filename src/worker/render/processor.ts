import { createHash } from 'node:crypto';
import { MalformedError, messageOf, UnavailableError, UserError } from '../../shared/base/errors.ts';
import type { Logger } from '../../shared/base/log.ts';
import { backoffMs, optional, sleep } from '../../shared/base/time.ts';
import type { ExpectedPicture } from '../../shared/models/expected.ts';
import {
  type DeliveredImage,
  type Finding,
  type Look,
  PICTURE_LIMITS,
  PictureError,
} from '../../shared/pictures/formats.ts';
import type { Recipe } from '../../shared/pictures/recipes.ts';
import { parsePayload } from '../../shared/queues/jobs.ts';
import { assertPasses, nearDuplicateOf } from './checks.ts';
import { type Damage, DamagedError, decoded } from './damage.ts';
import { inspect } from './inspect.ts';
import { type Rendered, renderAll } from './render.ts';
import type { Watchdog } from './watchdog.ts';

export interface RenderTask {
  readonly request: string;
  readonly epoch: number;
  readonly round: number;
  /** This one included. */
  readonly starts: number;
  readonly recipe: Recipe;
  /** The endpoint that made the pictures. */
  readonly model: string;
  readonly expected: ExpectedPicture;
  readonly images: readonly {
    readonly index: number;
    /** fal's id; undefined where it is not known. */
    readonly requestId: string | undefined;
    readonly originalKey: string;
    /** When the original was stored, ms since 1970. */
    readonly madeAtMs: number;
  }[];
  readonly renditionKey: (index: number, rendered: Rendered) => string;
  /** For who reads the renditions over HTTP. */
  readonly cacheControl: string;
}

export interface RenderDeps {
  /**
   * Raises the epoch and the count of starts in the record; undefined when the record is not waiting for a render, or
   * not for this job: one too many would count as a start, and its picture as one that crashes.
   */
  readonly begin: (request: string, jobId: string | undefined) => Promise<RenderTask | undefined>;
  /** Lowers the count of starts again: what stopped this start was not the picture. Refused for an older epoch. */
  readonly giveBack: (task: RenderTask) => Promise<void>;
  readonly readOriginal: (key: string) => Promise<{ body: Buffer; contentType: string }>;
  /**
   * The shot of the batch that a picture looks nearly like, if one came before it; those after it are compared with it,
   * unless it fails by that.
   */
  readonly nearDuplicate: (
    task: RenderTask,
    look: Look,
    level: Finding['level'],
  ) => Promise<string | undefined>;
  readonly writeRendition: (
    key: string,
    body: Buffer,
    options: { readonly contentType: string; readonly cacheControl: string },
  ) => Promise<void>;
  readonly deliver: (task: RenderTask, images: readonly DeliveredImage[]) => Promise<void>;
  readonly fail: (task: RenderTask, failure: { code: string; message: string }) => Promise<void>;
  /**
   * Marks an original that cannot be decoded, and has it fetched again: fal was paid for it. Rejects with an
   * `UnavailableError` while another request has it in hand.
   */
  readonly damaged: (task: RenderTask, damage: Damage) => Promise<void>;
  readonly log: Logger;
  /** For one request: reading, rendering and storing all its images. */
  readonly timeLimitMs: number;
  /** A request may be started this often; one start more fails it as `render_crashed`. */
  readonly maxStarts: number;
  /** Ends this process at once; the watchdog's last word. */
  readonly exit: (code: number) => never;
}

export type RenderProcessor = (
  job: { readonly id?: string | undefined; readonly data: unknown },
  token?: string,
  signal?: AbortSignal,
) => Promise<void>;

/** The render did not end because this worker stops; it is no fault and uses no start. */
export class RenderStoppedError extends Error {
  constructor(options?: ErrorOptions) {
    super('The worker stops; the render is started again by another one.', options);
    this.name = 'RenderStoppedError';
  }
}

/** During a rolling deploy: never failed, only waited with. */
export class NewerJobError extends Error {
  constructor() {
    super('The render job was written by a newer release; it waits for a worker of that release.');
    this.name = 'NewerJobError';
  }
}

const LATE_EXIT_CODE = 70;

/**
 * Renders one request and writes its end into the record: delivered, or failed with a reason (a picture that cannot
 * be rendered; the third start, when two never came to an end). Rejects when the end is still open and the job must
 * run again: the store or Redis is away, a person must mend something, the worker stops (all of these give the start
 * back), or an error that nobody foresaw (which keeps it, so that it cannot go on forever).
 */
export function createRenderProcessor(deps: RenderDeps, watchdog: Watchdog): RenderProcessor {
  return async (job, _token, signal) => {
    const request = requestOf(job.data);
    if (signal?.aborted === true) throw new RenderStoppedError({ cause: signal.reason });
    const task = await deps.begin(request, job.id);
    if (task === undefined) return;
    try {
      await settle(task, deps, watchdog, signal);
    } catch (error) {
      if (!isThePictureInnocent(error)) throw error;
      await giveBack(task, deps, signal);
      throw error;
    }
  };
}

async function settle(
  task: RenderTask,
  deps: RenderDeps,
  watchdog: Watchdog,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (task.starts > deps.maxStarts) {
    const message = `Rendering was started ${task.starts - 1} times and never came to an end (crash, time limit or memory). The original is kept.`;
    deps.log.error({ request: task.request, starts: task.starts }, 'render given up');
    await deps.fail(task, { code: 'render_crashed', message });
    return;
  }
  const startedAt = performance.now();
  using _deadline = watchdog.arm(deps.timeLimitMs, () => {
    deps.log.error({ request: task.request, timeLimitMs: deps.timeLimitMs }, 'render over its time limit');
    deps.exit(LATE_EXIT_CODE);
  });
  try {
    const images = await unlessStopped(renderImages(task, deps, signal), signal);
    await deps.deliver(task, images);
    deps.log.info(
      { request: task.request, images: images.length, ms: Math.round(performance.now() - startedAt) },
      'request rendered',
    );
  } catch (error) {
    if (error instanceof DamagedError) {
      const { index, failure } = error.damage;
      deps.log.warn({ request: task.request, index, ...failure }, 'original damaged; it is fetched again');
      await deps.damaged(task, error.damage);
      return;
    }
    if (!(error instanceof PictureError)) throw error;
    deps.log.warn({ request: task.request, code: error.code }, 'picture cannot be rendered');
    await deps.fail(task, { code: error.code, message: `${error.message} The original is kept.` });
  }
}

async function renderImages(
  task: RenderTask,
  deps: RenderDeps,
  signal: AbortSignal | undefined,
): Promise<readonly DeliveredImage[]> {
  const images: DeliveredImage[] = [];
  for (const image of task.images) {
    signal?.throwIfAborted();
    images.push(await renderImage(image, task, deps, signal));
  }
  return images;
}

async function renderImage(
  { index, requestId, originalKey, madeAtMs }: RenderTask['images'][number],
  task: RenderTask,
  deps: RenderDeps,
  signal: AbortSignal | undefined,
): Promise<DeliveredImage> {
  const { recipe, model, expected, renditionKey, cacheControl } = task;
  const { readOriginal, writeRendition } = deps;
  const { body } = await readOriginal(originalKey);
  const sha256 = createHash('sha256').update(body).digest('hex');
  const { format, width, height, rendered, look, seen } = await decoded(
    { index, originalKey, sha256 },
    async () => {
      const inspected = await inspect(body, PICTURE_LIMITS);
      const { renditions, look, findings } = await renderAll(body, recipe, {
        provenance: { model, madeAtMs },
        expected,
        ...optional(signal),
      });
      return { ...inspected, rendered: renditions, look, seen: findings };
    },
  );
  const findings = [...seen, ...(await nearDuplicates(task, look, deps))];
  assertPasses(findings);
  // Stored side by side: each write waits for a disk or a network, and the core would wait with it.
  const renditions = await Promise.all(
    rendered.map(async (one) => {
      const { name, contentType, width, height, format, bytes, sha256 } = one;
      const key = renditionKey(index, one);
      await writeRendition(key, bytes, { contentType, cacheControl });
      return { name, key, width, height, bytes: bytes.length, format, sha256 };
    }),
  );
  return {
    index,
    requestId,
    original: { key: originalKey, width, height, bytes: body.length, format, sha256 },
    renditions,
    look,
    ...(findings.length === 0 ? {} : { findings }),
  };
}

async function nearDuplicates(task: RenderTask, look: Look, deps: RenderDeps): Promise<Finding[]> {
  const level = task.recipe.checks['near-duplicate'];
  if (level === 'off') return [];
  const shot = await deps.nearDuplicate(task, look, level);
  return shot === undefined ? [] : [nearDuplicateOf(shot, level)];
}

/** Rejects as soon as the signal aborts: libvips cannot be interrupted, and a shutdown cannot wait for it. */
async function unlessStopped<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await work;
  let stop = (): void => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = () => reject(new RenderStoppedError({ cause: signal.reason }));
  });
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  // What the work ends with after the stop is of no interest: the same bytes are made again by the next start.
  work.catch(() => {});
  try {
    return await Promise.race([stopped, work]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function isThePictureInnocent(error: unknown): boolean {
  return (
    error instanceof UnavailableError || error instanceof UserError || error instanceof RenderStoppedError
  );
}

const GIVE_BACK_TRIES = 8;

/**
 * Best effort, without a deadline of the watchdog: where Redis is the one that is away, the start can be given back
 * only once it has returned. Given up with a word in the log: then the record counts one start too many.
 */
async function giveBack(task: RenderTask, deps: RenderDeps, signal: AbortSignal | undefined): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await deps.giveBack(task);
      return;
    } catch (error) {
      const again = error instanceof UnavailableError && attempt + 1 < GIVE_BACK_TRIES;
      if (!again || signal?.aborted === true) {
        deps.log.warn({ request: task.request, reason: messageOf(error) }, 'render start not given back');
        return;
      }
      await sleep(backoffMs(attempt, { baseMs: 250, capMs: 5_000, random: Math.random }));
    }
  }
}

function requestOf(data: unknown): string {
  const payload = parsePayload(data);
  if (payload === 'newer') {
    throw new NewerJobError();
  }
  if (payload === undefined) throw new MalformedError('The render job carries no request.');
  return payload.request;
}
