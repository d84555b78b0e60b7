import { z } from 'zod';
import { UserError } from '../shared/base/errors.ts';
import { sleep } from '../shared/base/time.ts';
import { claimGeneration, readGeneration, rewriteGeneration } from './generation-file.ts';
import { isProcessAlive } from './process-alive.ts';
import { askRedis } from './redis-inline.ts';

/** The right to run the one server of a folder. */
export interface FolderClaim {
  /** Where the server will be found, so that a successor can end it if this process is killed. */
  say(server: Address): Promise<void>;
  release(): Promise<void>;
}

interface Address {
  readonly port: number;
  readonly password: string;
}

const NAME = 'redis';
const claimSchema = z.object({
  ownerPid: z.number(),
  server: z.object({ port: z.number(), password: z.string() }).optional(),
  released: z.boolean(),
});
type Claim = z.infer<typeof claimSchema>;

const RELEASE_WAIT_MS = 3_000;
const END_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

/**
 * Claims the folder. A server whose owner was killed is ended first (it would write to the same files). Rejects with
 * a `UserError` (`redis_folder_in_use`) when the owner lives and does not let go within a few seconds.
 */
export async function claimRedisFolder(folder: string): Promise<FolderClaim> {
  const giveUpAt = Date.now() + RELEASE_WAIT_MS;
  for (;;) {
    const latest = await readGeneration(folder, NAME);
    const claim = latest === undefined ? undefined : parseClaim(latest.text);
    if (claim !== undefined && !claim.released) {
      if (isProcessAlive(claim.ownerPid)) {
        if (Date.now() < giveUpAt) {
          await sleep(POLL_MS);
          continue;
        }
        // No server behind it: the owner died, and its number was given to a stranger.
        if (await isServing(claim)) throw inUse(folder, claim);
      } else if (claim.server !== undefined) await endOrphan(folder, claim.server);
    }
    const number = latest?.number ?? 0;
    const mine: Claim = { ownerPid: process.pid, released: false };
    if (await claimGeneration(folder, NAME, number, JSON.stringify(mine))) {
      const write = (change: Partial<Claim>) =>
        rewriteGeneration(folder, NAME, number + 1, JSON.stringify({ ...mine, ...change }));
      return { say: (server) => write({ server }), release: () => write({ released: true }) };
    }
  }
}

function parseClaim(text: string): Claim | undefined {
  try {
    return claimSchema.parse(JSON.parse(text));
  } catch {
    return undefined; // a file that is not ours claims nothing
  }
}

/** The password proves that it is the folder's own server, and not a stranger on a port that was used again. */
async function endOrphan(folder: string, server: Address): Promise<void> {
  const giveUpAt = Date.now() + END_TIMEOUT_MS;
  for (;;) {
    const answer = await askRedis(server, 'PING');
    if (!isRedis(answer)) return;
    if (answer === '+PONG') await askRedis(server, 'SHUTDOWN');
    if (Date.now() > giveUpAt) {
      throw new UserError(
        'redis_folder_in_use',
        `A redis-server on port ${server.port} still runs in ${folder} and does not end; end it by hand.`,
      );
    }
    await sleep(POLL_MS);
  }
}

async function isServing({ server }: Claim): Promise<boolean> {
  return server !== undefined && isRedis(await askRedis(server, 'PING'));
}

/** It took our password, and is ready or still reading its files. */
function isRedis(answer: string | undefined): boolean {
  return answer !== undefined && /^(\+PONG|-LOADING|-BUSY)/.test(answer);
}

function inUse(folder: string, claim: Claim): UserError {
  return new UserError(
    'redis_folder_in_use',
    `Process ${claim.ownerPid} runs a redis-server in ${folder}; end that process, or work in another folder.`,
  );
}
