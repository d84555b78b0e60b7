import type { World } from './world.ts';

/** Notes that a request waits for this scope; it has no job until it is woken, or a sweep comes. */
export function waitFor(world: World, scope: string, request: string): void {
  const others = world.waiting.get(scope) ?? [];
  if (!others.includes(request)) world.waiting.set(scope, [...others, request]);
}

/** Room may have come: the next few go on, in their next round. Whoever has one of them in hand is refused from here on. */
export function wake(world: World, scope: string, most: number): void {
  const waiting = world.waiting.get(scope);
  if (waiting === undefined) return;
  world.waiting.set(scope, waiting.slice(most));
  for (const request of waiting.slice(0, most)) {
    const record = world.records.get(request);
    if (record?.state === 'planned') record.round += 1;
  }
}
