import type { Endpoint } from './endpoints.ts';
import type { FailedRun } from './outcome.ts';
import type { Run } from './run.ts';
import { jsonReply, type Reply } from './wire.ts';

export interface ResultDeps {
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** undefined: fal's answer does not name the picture. */
  readonly mediaUrl: (run: Run, index: number) => string | undefined;
  readonly picture: (run: Run, index: number) => Promise<Buffer>;
}

/** The result GET of a request that has ended, or the 400 of one that has not. */
export async function resultReply(deps: ResultDeps, run: Run): Promise<Reply> {
  const headers = { 'x-fal-request-id': run.id };
  if (run.phase !== 'ended' || run.outcome === undefined) {
    return jsonReply(400, { detail: 'Request is still in progress' }, headers);
  }
  const units = { 'x-fal-billable-units': String(run.units) };
  if (run.outcome.kind === 'failed') {
    return jsonReply(run.outcome.status, run.outcome.body, {
      ...headers,
      ...failureHeaders(run, run.outcome),
    });
  }
  const body = run.input['sync_mode'] === true ? await inlineBody(deps, run) : resultBody(deps, run);
  return jsonReply(200, body, { ...headers, ...(run.outcome.hideUnits === true ? {} : units) });
}

/** The output as the request history keeps it: with addresses. */
export function resultBody(deps: ResultDeps, run: Run): unknown {
  if (run.outcome?.kind === 'failed') return run.outcome.body;
  return { images: imagesOf(deps, run, (index) => deps.mediaUrl(run, index)) };
}

/** Newer endpoints promise the address alone: the rest is null, or not there. */
const UNSAID = [
  { width: null, height: null, content_type: null, file_name: null, file_size: null },
  {},
] as const;

/** Pictures that the request has made. */
export function imageCountOf({ endpoints }: Pick<ResultDeps, 'endpoints'>, run: Run): number {
  if (run.phase !== 'ended' || run.outcome?.kind !== 'pictures') return 0;
  return endpoints.get(run.endpoint)?.output(run.input).count ?? 0;
}

async function inlineBody(deps: ResultDeps, run: Run): Promise<unknown> {
  const uris: string[] = [];
  for (let index = 0; index < imageCountOf(deps, run); index += 1) {
    const bytes = await deps.picture(run, index);
    uris.push(`data:${contentTypeOf(deps, run)};base64,${bytes.toString('base64')}`);
  }
  return { images: imagesOf(deps, run, (index) => uris[index] ?? '') };
}

function imagesOf(deps: ResultDeps, run: Run, urlOf: (index: number) => string | undefined) {
  const shape = deps.endpoints.get(run.endpoint)?.output(run.input);
  if (shape === undefined) return [];
  return Array.from({ length: shape.count }, (_, index) => ({
    url: urlOf(index),
    ...(shape.said === 'all'
      ? {
          width: shape.width,
          height: shape.height,
          content_type: contentTypeOf(deps, run),
          file_name: `${run.id}_${index}.${shape.format === 'jpeg' ? 'jpg' : shape.format}`,
        }
      : UNSAID[index % UNSAID.length]),
  })).filter(({ url }) => url !== undefined);
}

export function contentTypeOf({ endpoints }: Pick<ResultDeps, 'endpoints'>, run: Run): string {
  return `image/${endpoints.get(run.endpoint)?.output(run.input).format ?? 'png'}`;
}

function failureHeaders(run: Run, outcome: FailedRun): Record<string, string> {
  const billable = { none: undefined, 'full-unsaid': undefined, zero: '0', full: String(run.units) };
  const units = billable[outcome.billing];
  return {
    'x-fal-error-type': outcome.errorType,
    ...(outcome.origin === 'model'
      ? { 'x-fal-retryable': String(outcome.retryable) }
      : { 'x-fal-needs-retry': outcome.retryable ? '1' : '0' }),
    ...(units === undefined ? {} : { 'x-fal-billable-units': units }),
    ...(outcome.timeoutType === undefined ? {} : { 'x-fal-request-timeout-type': outcome.timeoutType }),
  };
}
