import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PRIVATE } from '../../shared/base/private-folder.ts';
import type { Input } from './endpoints.ts';
import type { Outcome } from './outcome.ts';

/** What a simulator must know again after a restart, one line of JSON each, in the order in which it happened. */
export type StateEvent =
  | { readonly event: 'opened'; readonly seed: string; readonly key: string; readonly adminKey: string }
  | {
      readonly event: 'accepted';
      readonly id: string;
      readonly endpoint: string;
      readonly input: Input;
      readonly atMs: number;
      readonly deadlineMs?: number;
      readonly units: number;
      readonly priceMicroUsd: number;
    }
  | {
      readonly event: 'started';
      readonly id: string;
      readonly atMs: number;
      readonly endsAtMs: number;
      readonly outcome: Outcome;
    }
  | { readonly event: 'requeued'; readonly id: string; readonly atMs: number }
  | {
      readonly event: 'ended';
      readonly id: string;
      readonly atMs: number;
      readonly outcome: Outcome;
      readonly chargedMicroUsd: number;
    };

export type AppendState = (event: StateEvent) => void;

/**
 * The append-only file of a simulator's state. Each line is with the operating system before the answer goes out, so
 * that a killed simulator remembers what it promised; a last line cut short by a crash is left out. It holds keys and
 * prompts, so only this user may read it.
 */
export function openStateFile(folder: string): { readonly past: StateEvent[]; readonly append: AppendState } {
  mkdirSync(folder, { recursive: true, mode: PRIVATE.folder });
  const path = pathIn(folder);
  const { past, torn } = read(path);
  // A torn line has no line end: start a new one, or the next event would be torn with it.
  const append = (text: string) => appendFileSync(path, text, { mode: PRIVATE.file });
  if (torn) append('\n');
  return { past, append: (event) => append(`${JSON.stringify(event)}\n`) };
}

/** What the file says, without touching it: also while a simulator writes it. Empty where there is none. */
export function readStateFile(folder: string): StateEvent[] {
  return read(pathIn(folder)).past;
}

function read(path: string): { past: StateEvent[]; torn: boolean } {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const past: StateEvent[] = [];
  for (const line of text.split('\n')) {
    if (line === '') continue;
    try {
      // Written by `openStateFile` alone.
      past.push(JSON.parse(line) as StateEvent);
    } catch {
      // The last words of a simulator that was killed while it wrote: nobody was told of them.
    }
  }
  return { past, torn: text !== '' && !text.endsWith('\n') };
}

function pathIn(folder: string): string {
  return join(folder, 'fal-simulator.jsonl');
}
