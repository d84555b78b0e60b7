import type { Journal } from '../shared/journal/journal.ts';
import type { Queues } from '../shared/queues/queues.ts';
import type { Attendance } from '../shared/redis/presence.ts';
import type { Redis } from '../shared/redis/redis.ts';
import type { Waits } from '../shared/redis/waits.ts';
import type { Batches } from '../shared/requests/batches.ts';
import type { DuePictures } from '../shared/requests/due-pictures.ts';
import type { EndpointStops } from '../shared/requests/endpoint-stops.ts';
import type { MissingPictures } from '../shared/requests/missing-pictures.ts';
import type { Records } from '../shared/requests/records.ts';
import type { RedisMemory } from '../shared/requests/redis-continuity.ts';
import type { ObjectStore } from '../shared/store/object-store.ts';

/** Everything that producer, worker and operator share, opened over one stack. */
export interface Shop extends AsyncDisposable {
  readonly redis: Redis;
  readonly store: ObjectStore;
  readonly journal: Journal;
  readonly queues: Queues;
  readonly batches: Batches;
  readonly endpointStops: EndpointStops;
  readonly records: Records;
  /** Paid pictures of failed requests, which workers fetch by themselves later. */
  readonly due: DuePictures;
  /** Paid pictures of submitted requests that cannot be had now. */
  readonly missing: MissingPictures;
  /** Whether Redis forgot something. To be opened before anything is begun. */
  readonly memory: RedisMemory;
  readonly attendance: Attendance;
  /** Why requests wait. */
  readonly waits: Waits;
  readonly ended: (batch: string) => Promise<void>;
  readonly held: (batch: string) => Promise<void>;
}
