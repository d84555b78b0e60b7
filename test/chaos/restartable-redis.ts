import { cp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type LocalRedis, startRedis } from '../../src/local/redis.ts';

/** Of a Redis, at the moment of the saving: its append-only file. */
export interface SavedRedis {
  readonly folder: string;
}

/** Killed without a word and started again where clients look for it; its append-only file has what it had. */
export class RestartableRedis implements AsyncDisposable {
  server: LocalRedis;
  readonly #folder: string;
  #restarting: Promise<unknown> = Promise.resolve();
  #saved = 0;

  constructor(server: LocalRedis, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  kill(forMs: number): Promise<void> {
    return this.#next(() => this.#restart(() => delay(forMs)));
  }

  /** Empties it while everybody works on it. */
  flush(): Promise<void> {
    return this.#next(async () => {
      const client = new Redis(this.server.url);
      try {
        await client.flushall();
      } finally {
        client.disconnect();
      }
    });
  }

  /** Everybody goes on working on it. A command that is being written is in the copy whole or not at all. */
  save(): Promise<SavedRedis> {
    return this.#next(async () => {
      this.#saved += 1;
      const folder = join(this.#folder, `saved-${this.#saved}`);
      await this.#copy(this.#folder, folder);
      return { folder };
    });
  }

  /** As a failover to a replica that had come as far as this: killed, and started with what it had then. */
  goBack({ folder }: SavedRedis): Promise<void> {
    return this.#next(() =>
      this.#restart(async () => {
        for (const name of await appendOnlyIn(this.#folder))
          await rm(join(this.#folder, name), { recursive: true });
        await this.#copy(folder, this.#folder);
      }),
    );
  }

  async settled(): Promise<void> {
    await this.#restarting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#restarting;
    await this.server.stop();
  }

  /** One thing at a time is done to it. */
  #next<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#restarting.then(act);
    // Who began it is told; what comes after it has a Redis of its own to look at.
    this.#restarting = done.catch(() => undefined);
    return done;
  }

  async #restart(whileDown: () => Promise<void>): Promise<void> {
    const { port, password, pid } = this.server;
    process.kill(pid, 'SIGKILL');
    await this.server.stop();
    await whileDown();
    this.server = await startRedis({ folder: this.#folder, port, password });
  }

  async #copy(from: string, to: string): Promise<void> {
    for (const name of await appendOnlyIn(from))
      await cp(join(from, name), join(to, name), { recursive: true });
  }
}

/** A file up to Redis 6, a folder of files since. */
async function appendOnlyIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('appendonly'));
}
