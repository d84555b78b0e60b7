import { createHmac } from 'node:crypto';
import { fetch } from 'undici';
import { webhookOrigin } from '../../shared/base/addresses.ts';
import { errorCodes } from '../../shared/base/errors.ts';
import { INNER_ADDRESS, type Outbound } from '../../shared/base/outbound.ts';
import { type Clock, withTimeout } from '../../shared/base/time.ts';

/** A webhook did not arrive. `final`: the receiver will not take it, whatever is tried. */
export class WebhookError extends Error {
  readonly final: boolean;

  constructor(message: string, { final, cause }: { readonly final: boolean; readonly cause?: unknown }) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'WebhookError';
    this.final = final;
  }
}

export interface WebhookDeps {
  readonly outbound: Pick<Outbound, 'fault' | 'dispatcher'>;
  readonly secret: string;
  readonly clock: Clock;
}

const TIMEOUT_MS = 10_000;

export type PostWebhook = (url: string, body: string, signal: AbortSignal) => Promise<void>;

/**
 * Posts a signed body, once. Resolves on a 2xx; rejects with a `WebhookError`, or with the signal's reason. No message
 * holds more of the address than its host: path and query can be secrets.
 */
export function createPostWebhook({ outbound, secret, clock }: WebhookDeps): PostWebhook {
  return async (url, body, signal) => {
    const origin = webhookOrigin(url);
    const fault = outbound.fault(url);
    if (fault !== undefined) throw refused(fault);
    let status: number;
    try {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'shotlist',
          'shotlist-signature': signatureOf(body, { secret, atMs: clock() }),
        },
        body,
        dispatcher: outbound.dispatcher(url),
        // Whoever is redirected to was not named by the person who queued the batch.
        redirect: 'manual',
        signal: withTimeout(signal, TIMEOUT_MS),
      });
      status = response.status;
      await response.body?.cancel();
    } catch (error) {
      signal.throwIfAborted();
      const codes = errorCodes(error);
      if (codes.includes(INNER_ADDRESS))
        throw refused(`${new URL(url).hostname} leads into a private network`);
      const code = codes.find((one) => one !== 'TypeError') ?? 'no answer';
      throw new WebhookError(`${origin} did not answer (${code})`, { final: false, cause: error });
    }
    if (status >= 200 && status < 300) return;
    throw new WebhookError(`${origin} answered ${status}`, { final: isFinal(status) });
  };
}

function refused(why: string): WebhookError {
  return new WebhookError(`the address of --on-done is refused: ${why}`, { final: true });
}

/** The header that a receiver checks: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`. */
export function signatureOf(
  body: string,
  { secret, atMs }: { readonly secret: string; readonly atMs: number },
): string {
  const t = Math.floor(atMs / 1_000);
  return `t=${t},v1=${createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')}`;
}

/** 4xx that may pass: a slow receiver, a conflict, too early, too many. */
const PASSING = new Set([408, 409, 425, 429]);

function isFinal(status: number): boolean {
  return status >= 400 && status < 500 && !PASSING.has(status);
}

const FIRST_MS = 10_000;
const LONGEST_MS = 3_600_000;

/**
 * How long until the next try: 10 seconds, doubled each time up to an hour, of which chance takes off up to half (so
 * that forty tries are a day, which full jitter would halve).
 * `attemptsMade` counts from 1; `random` is in [0, 1).
 */
export function webhookBackoffMs(attemptsMade: number, random: () => number): number {
  const full = Math.min(LONGEST_MS, FIRST_MS * 2 ** (attemptsMade - 1));
  return Math.ceil(full / 2 + (random() * full) / 2);
}
