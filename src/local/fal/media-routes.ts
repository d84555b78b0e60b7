import type { Clock } from '../../shared/base/time.ts';
import { refusal, replaceReply } from './fault-reply.ts';
import type { Faults, MediaFault, ReplyFault } from './faults.ts';
import { blanked, corrupted, halved, hugePng, inOtherFormat, undecodablePng } from './odd-pictures.ts';
import { contentTypeOf, imageCountOf, type ResultDeps } from './results.ts';
import type { Run } from './run.ts';
import type { Runs } from './runs.ts';
import type { Stats } from './stats.ts';
import type { Call, Reply } from './wire.ts';

export interface MediaDeps extends ResultDeps {
  readonly runs: Runs;
  readonly faults: Faults;
  readonly stats: Stats;
  readonly clock: Clock;
  readonly token: (run: Run, index: number) => string;
  /** The same server under a name that is not among the media hosts. */
  readonly otherHost: () => string;
}

const FILE = /^\/files\/([^/]+)\/([0-9a-f]+)-(\d)\.(jpeg|png|webp)$/;

/** The pictures. They are drawn when they are fetched, so that a run costs nothing, and need no key, as at fal. */
export async function mediaRoute(deps: MediaDeps, call: Call): Promise<Reply> {
  deps.stats.count('media');
  const match = FILE.exec(call.path);
  const run = deps.runs.get(match?.[1] ?? '');
  const index = Number(match?.[3]);
  if (run === undefined || deps.token(run, index) !== match?.[2] || index >= imageCountOf(deps, run)) {
    return refusal(404, 'Not Found');
  }
  const expires = call.query.get('expires');
  if (expires !== null && Number(expires) < deps.clock()) return refusal(403, 'Request has expired');
  const fault = deps.faults.take('media', {
    method: call.method,
    path: call.path,
    requestId: run.id,
    endpoint: run.endpoint,
    input: run.input,
    phase: run.phase,
  });
  const whole = async (): Promise<Reply> => ({
    status: 200,
    headers: { 'content-type': contentTypeOf(deps, run), 'cache-control': 'public, max-age=604800' },
    body: await deps.picture(run, index),
  });
  if (fault === undefined) return whole();
  return isMediaFault(fault) ? spoil(deps, call, fault, whole) : replaceReply(fault, whole);
}

async function spoil(
  deps: MediaDeps,
  call: Call,
  fault: MediaFault,
  whole: () => Promise<Reply>,
): Promise<Reply> {
  const reply = await whole();
  const body = Buffer.from(reply.body);
  switch (fault.kind) {
    case 'redirect':
      return { status: 302, headers: { location: `${deps.otherHost()}${call.path}` }, body: '' };
    case 'html':
      return { ...reply, body: '<!doctype html><title>Just a moment</title><p>Checking your browser.</p>' };
    case 'blank':
      return { ...reply, body: await blanked(body) };
    case 'other-size':
      return { ...reply, body: await halved(body) };
    case 'other-format':
      return { ...reply, body: await inOtherFormat(body) };
    case 'corrupt':
      return { ...reply, body: corrupted(body) };
    case 'huge':
      return { ...reply, headers: { ...reply.headers, 'content-type': 'image/png' }, body: await hugePng() };
    case 'undecodable':
      return { ...reply, headers: { ...reply.headers, 'content-type': 'image/png' }, body: undecodablePng() };
    case 'wrong-length':
      return { ...reply, body: body.subarray(0, Math.floor(body.length / 2)) };
  }
}

const MEDIA_FAULTS: readonly string[] = [
  'html',
  'blank',
  'other-size',
  'other-format',
  'corrupt',
  'huge',
  'wrong-length',
  'redirect',
  'undecodable',
] satisfies MediaFault['kind'][];

function isMediaFault(fault: ReplyFault | MediaFault): fault is MediaFault {
  return MEDIA_FAULTS.includes(fault.kind);
}
