import type { Input } from './endpoints.ts';
import type { RunFailure } from './outcome.ts';
import type { PageFault } from './page-faults.ts';
import type { Random } from './random.ts';

/** Instead of the answer. Nothing happens at fal. */
export type ReplyFault =
  | { readonly kind: 'reset' | 'hang' | 'truncated' | 'empty' | 'null' }
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Packed small; so many bytes as it is unpacked. */
  | { readonly kind: 'oversized'; readonly bytes: number }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly body?: unknown;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'rate-limited' | 'locked'; readonly retryAfterS?: number }
  | {
      readonly kind:
        | 'unauthorized'
        | 'payment-required'
        | 'exhausted-balance'
        | 'account-locked'
        | 'method-not-allowed'
        | 'conflict'
        | 'too-large'
        | 'too-early'
        | 'client-closed'
        | 'not-found'
        | 'gone'
        | 'bad-request'
        | 'invalid'
        | 'unavailable';
    };

/** The POST was accepted and will be paid for; only its answer is lost. `accepted-late`: accepted after the delay. */
export type SubmitFault =
  | {
      readonly kind:
        | 'accepted-then-reset'
        | 'accepted-then-hang'
        | 'accepted-truncated'
        | 'accepted-empty'
        | 'accepted-null';
    }
  | { readonly kind: 'accepted-then-slow' | 'accepted-late'; readonly delayMs: number }
  | { readonly kind: 'accepted-then-status'; readonly status: number };

/** `blank`: of one colour; `other-size`: half as large as asked. `other-format`: not the asked one; `wrong-length`: cut, under a Content-Length that agrees with the cut. */
export type MediaFault = {
  readonly kind:
    | 'html'
    | 'blank'
    | 'other-size'
    | 'other-format'
    | 'corrupt'
    | 'huge'
    | 'wrong-length'
    | 'redirect'
    // Whole by its structure, and none of it can be decoded.
    | 'undecodable';
};

/**
 * Of the address that result and history name. `other-host`: the same server by a name that is none of the media hosts.
 * `signed`: with a signature that ends after `ttlMs`, another one at each answer. `absent`: the answer names no picture.
 */
export type AddressFault =
  | { readonly kind: 'other-host' | 'absent' }
  | { readonly kind: 'signed'; readonly ttlMs: number };

export type RunFault = { readonly kind: RunFailure | 'hide-units' };

export type Fault = FaultOptions &
  (
    | ({ readonly on: 'submit' } & (ReplyFault | SubmitFault))
    | ({ readonly on: 'run' } & RunFault)
    | ({ readonly on: 'status' } & (ReplyFault | { readonly kind: 'fall-back' }))
    | ({ readonly on: 'result' | 'cancel' } & ReplyFault)
    | ({ readonly on: 'billing' | 'pricing' | 'models' } & (ReplyFault | PageFault))
    | ({ readonly on: 'list' } & (
        | ReplyFault
        | PageFault
        | { readonly kind: 'lag'; readonly lagMs: number }
        | { readonly kind: 'small-pages'; readonly pageSize: number }
      ))
    | ({ readonly on: 'media' } & (ReplyFault | MediaFault))
    | ({ readonly on: 'address' } & AddressFault)
  );

export interface FaultOptions {
  /** How often; default: every time. */
  readonly times?: number;
  /** 0 to 1; default 1. Drawn from the simulator's seed. */
  readonly probability?: number;
  readonly when?: (request: FaultedRequest) => boolean;
}

export interface FaultedRequest {
  readonly method: string;
  readonly path: string;
  readonly requestId: string | undefined;
  readonly endpoint: string | undefined;
  readonly input: Input | undefined;
  /** Of a request that is known. */
  readonly phase: 'queued' | 'running' | 'ended' | undefined;
}

export type FaultPlace = Fault['on'];
export type FaultOn<Place extends FaultPlace> = Extract<Fault, { readonly on: Place }>;

/**
 * The switches for every failure that FAL.md lists. Reachable by code in the same process alone: no request and no
 * environment variable sets one.
 */
export class Faults {
  readonly #active = new Set<{ readonly fault: Fault; left: number }>();
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Returns what takes it away again. Of several that fit, the one that was added first strikes. */
  add(fault: Fault): () => void {
    const entry = { fault, left: fault.times ?? Number.POSITIVE_INFINITY };
    this.#active.add(entry);
    return () => {
      this.#active.delete(entry);
    };
  }

  clear(): void {
    this.#active.clear();
  }

  /** The fault that strikes here, if any; uses up one of its times. */
  take<Place extends FaultPlace>(place: Place, request: FaultedRequest): FaultOn<Place> | undefined {
    for (const entry of this.#active) {
      const { fault } = entry;
      if (fault.on !== place || entry.left <= 0) continue;
      // Only what runs can fall back: a fault for one time must not be used up by a request that waits.
      if (fault.kind === 'fall-back' && request.phase !== 'running') continue;
      if (fault.when !== undefined && !fault.when(request)) continue;
      if (fault.probability !== undefined && this.#random() >= fault.probability) continue;
      entry.left -= 1;
      if (entry.left <= 0) this.#active.delete(entry);
      // `on` was compared just above, which the compiler cannot follow through the generic.
      return fault as FaultOn<Place>;
    }
    return undefined;
  }
}
