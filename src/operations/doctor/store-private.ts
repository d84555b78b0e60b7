import { errorCodes, messageOf } from '../../shared/base/errors.ts';
import type { ObjectStore } from '../../shared/store/object-store.ts';
import { type Check, type Finding, needed, ok, warning } from './check.ts';
import { RIGHTS } from './store-rights.ts';

export interface PrivateCheckDeps {
  readonly open: () => Promise<ObjectStore>;
  /** Whether pictures go to a folder, which nobody asks by HTTP. */
  readonly isFolder: boolean;
  /** Default: Node's. It is called without credentials. */
  readonly fetch?: typeof fetch;
}

/** Refused for all that we know: a store without the right to list says 403 or 404, a server in front of it 401. */
const REFUSED = new Set([401, 403, 404]);

/**
 * Asks for an object beside the journal as everybody can: without credentials, at `S3_PUBLIC_URL` and at the bucket's own
 * address. Pictures are meant to be read so; prompts, the ledger and the addresses of webhooks are not.
 */
export function privateCheck({ open, isFolder, fetch = globalThis.fetch }: PrivateCheckDeps): Check {
  return {
    name: 'store-private',
    whenFailed: 'warning',
    mend: 'Look at the policy of the bucket, then run the doctor again.',
    async look(signal) {
      if (isFolder) return ok('The journal is in a folder of this user.');
      const why = 'nothing could be written that would be asked for';
      const addresses = await needed(written(open, signal), why);
      const answers = await Promise.all(
        addresses.map(async (address) => ({ address, answer: await ask(fetch, address, signal) })),
      );
      return judged(answers);
    },
  };
}

async function written(open: () => Promise<ObjectStore>, signal: AbortSignal): Promise<readonly string[]> {
  const store = await open();
  const { key, body, contentType } = RIGHTS;
  await store.put(key, body, { contentType, signal });
  const url = store.urlOf(key);
  // A signed address less its signature is where the bucket itself has the object.
  const [own = ''] = (await store.presign(key, 60)).split('?');
  return [...new Set([...(/^https?:/.test(url) ? [url] : []), own])];
}

interface Answer {
  readonly address: string;
  /** `read`, `refused`, or what else came back. */
  readonly answer: string;
}

function judged(answers: readonly Answer[]): Finding {
  const read = answers.find(({ answer }) => answer === 'read');
  if (read !== undefined) {
    return warning(
      `Everybody can read the journal, and so prompts and costs: ${read.address} needs no credentials.`,
      'Allow reading without credentials for renditions alone, and never below _shotlist/.',
    );
  }
  const unclear = answers.find(({ answer }) => answer !== 'refused');
  if (unclear !== undefined) {
    return warning(
      `It cannot be told whether everybody can read the journal: ${unclear.address} ${unclear.answer}.`,
      'Correct S3_PUBLIC_URL, or run the doctor where that address answers.',
    );
  }
  return ok(
    `Without credentials the journal is refused at ${answers.map(({ address }) => address).join(' and ')}.`,
  );
}

async function ask(get: typeof fetch, address: string, signal: AbortSignal): Promise<string> {
  try {
    const response = await get(address, { signal });
    const body = await startOf(response);
    if (REFUSED.has(response.status)) return 'refused';
    if (response.ok && body.equals(RIGHTS.body)) return 'read';
    return response.ok ? 'answers with something else' : `answers with HTTP ${response.status}`;
  } catch (error) {
    signal.throwIfAborted();
    return `does not answer (${errorCodes(error)[0] ?? messageOf(error)})`;
  }
}

/** As much of a body as tells our object from any other; the rest is not read. */
async function startOf({ body }: Response): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let sizeBytes = 0;
  if (body === null) return Buffer.alloc(0);
  for await (const part of body) {
    parts.push(part);
    sizeBytes += part.length;
    if (sizeBytes > RIGHTS.body.length) break;
  }
  return Buffer.concat(parts);
}
