import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { type LocalRedis, startRedis } from '../../src/local/redis.ts';

/** Killed without a word and started again where clients look for it; its append-only file has what it had. */
export class RestartableRedis implements AsyncDisposable {
  server: LocalRedis;
  readonly #folder: string;
  #restarting: Promise<void> = Promise.resolve();

  constructor(server: LocalRedis, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  kill(forMs: number): Promise<void> {
    this.#restarting = this.#restarting.then(async () => {
      const { port, password, pid } = this.server;
      process.kill(pid, 'SIGKILL');
      await this.server.stop();
      await delay(forMs);
      this.server = await startRedis({ folder: this.#folder, port, password });
    });
    return this.#restarting;
  }

  /** Empties it while everybody works on it. */
  flush(): Promise<void> {
    this.#restarting = this.#restarting.then(async () => {
      const client = new Redis(this.server.url);
      try {
        await client.flushall();
      } finally {
        client.disconnect();
      }
    });
    return this.#restarting;
  }

  settled(): Promise<void> {
    return this.#restarting;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#restarting;
    await this.server.stop();
  }
}
