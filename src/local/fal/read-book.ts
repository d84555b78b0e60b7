import { Book, type BookEntry } from './book.ts';
import { endpointsOf } from './endpoints.ts';
import { CANCELLED } from './outcome.ts';
import { imageCountOf } from './results.ts';
import { Runs } from './runs.ts';
import { readStateFile } from './state-file.ts';

/** The book of a simulator that another process runs or ran with this state folder, as far as it is written. */
export function readBook(stateFolder: string): BookEntry[] {
  const runs = new Runs(
    {
      // No slot and a clock that stands before all time: nothing may happen while the past is read.
      slots: 0,
      clock: () => Number.NEGATIVE_INFINITY,
      seed: '',
      latencyMs: () => 0,
      decide: () => CANCELLED,
      append: () => {},
      onChange: () => {},
    },
    readStateFile(stateFolder),
  );
  runs.close();
  const endpoints = endpointsOf();
  return new Book({
    runs: () => runs.all(),
    imagesOf: (run) => imageCountOf({ endpoints }, run),
    capMicroUsd: undefined,
    capCounts: () => true,
  }).entries();
}
