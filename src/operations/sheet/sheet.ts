import type { MicroUsd } from '../../shared/base/money.ts';
import type { ShotStatus } from '../../shared/manifest/manifest.ts';
import type { BatchStatus } from '../../shared/status/status.ts';

/** What a contact sheet says of the whole batch. */
export interface SheetHead {
  readonly batch: string;
  readonly listName: string;
  /** When the batch was queued, in ISO form. */
  readonly createdAt: string;
  readonly madeAt: string;
  readonly simulated: boolean;
  readonly state: BatchStatus['state'];
  readonly heldReason: string | undefined;
  readonly shots: number;
  readonly images: number;
  readonly spentMicroUsd: MicroUsd;
  readonly reservedMicroUsd: MicroUsd;
  readonly estimateMicroUsd: MicroUsd;
  /** By the measured cost; undefined where nothing was paid yet, or the batch is done. */
  readonly projectedMicroUsd: MicroUsd | undefined;
  readonly capMicroUsd: MicroUsd | undefined;
  /** Requests that wait for a person's word on the proof, and whose shots are not shown; 0 where none is open. */
  readonly waitingForProof: number;
}

export interface SheetPicture {
  /** Which of the shot's variants, from 0. */
  readonly index: number;
  readonly requestId: string | undefined;
  /** 0 but where a person had it made again. */
  readonly take: number;
  /** The small picture; undefined, with the reason, where it cannot be shown. */
  readonly src: string | undefined;
  readonly missing: string | undefined;
  /** Of the small picture, in pixels. */
  readonly width: number;
  readonly height: number;
  /** Of the original. */
  readonly originalSize: string;
  /** What the checks found in it. */
  readonly oddities: readonly Oddity[];
}

export interface Oddity {
  /** `fill`, `near-duplicate` … */
  readonly check: string;
  readonly says: string;
}

/** One card. */
export interface SheetShot {
  /** Place in the list, from 1. */
  readonly number: number;
  readonly shot: string;
  readonly prompt: string;
  readonly model: string;
  /** By the names of the model's inputs. */
  readonly options: Readonly<Record<string, string>>;
  readonly recipe: string;
  readonly status: ShotStatus;
  /** Why it failed or is held. */
  readonly reason: string | undefined;
  readonly variants: number;
  readonly costMicroUsd: MicroUsd;
  readonly pictures: readonly SheetPicture[];
}
