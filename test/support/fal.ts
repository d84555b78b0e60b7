import { createFalClient, type FalClient } from '@fal-ai/client';
import {
  type FalSimulator,
  type FalSimulatorOptions,
  startFalSimulator,
} from '../../src/local/fal/simulator.ts';

/** A simulator of a test's own: quick runs, cheap pictures, short lags. `await using` ends it. */
export function testFal(options: FalSimulatorOptions = {}): Promise<FalSimulator> {
  return startFalSimulator({ latencyMs: 15, pictures: 'plain', listLagMs: 5, billingLagMs: 5, ...options });
}

/** The real client, with fal's address replaced by the simulator's. */
export function falClientFor(fal: FalSimulator): FalClient {
  return createFalClient({
    credentials: fal.key,
    fetch: (input, init) => fetch(String(input).replace('https://queue.fal.run', fal.queueUrl), init),
  });
}
