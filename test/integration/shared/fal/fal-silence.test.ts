import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Fault } from '../../../../src/local/fal/faults.ts';
import { createFalFacts } from '../../../../src/shared/fal/account.ts';
import { createBilling } from '../../../../src/shared/fal/billing.ts';
import { createFalPlatform } from '../../../../src/shared/fal/history.ts';
import { createFalHttp, openFalSockets } from '../../../../src/shared/fal/http.ts';
import { createPages } from '../../../../src/shared/fal/pages.ts';
import { falClientFor, MODEL, testFal } from '../../../support/fal.ts';

const INPUT = { prompt: 'a cup', quality: 'low', image_size: '1024x1024', num_images: 1 } as const;

/** fal with one charged request, and everything of ours that reads its platform API. */
async function opened() {
  const fal = await testFal();
  const agent = openFalSockets();
  const http = createFalHttp({ agent, clock: Date.now });
  const deps = { http, key: fal.key, apiUrl: fal.apiUrl, timeoutMs: 5_000 };
  const { request_id } = await falClientFor(fal).queue.submit(MODEL, { input: INPUT });
  const billing = createBilling({ ...deps, adminKey: fal.adminKey });
  const window = { fromMs: Date.now() - 60_000, toMs: Date.now() + 60_000 };
  while ((await billing.charged(window)).length === 0) await delay(10);
  return {
    fal,
    requestId: request_id,
    window,
    billing,
    platform: createFalPlatform({ ...deps, clock: Date.now }),
    facts: createFalFacts({ ...deps, clock: Date.now, anyEndpoint: MODEL }),
    async [Symbol.asyncDispose]() {
      await agent.destroy();
      await fal[Symbol.asyncDispose]();
    },
  };
}

type Opened = Awaited<ReturnType<typeof opened>>;

const signal = new AbortController().signal;
const told = (body: unknown) => ({ kind: 'status', status: 200, body }) as const;
const END = { has_more: false, next_cursor: null };
const ROW = { request_id: 'r', endpoint_id: MODEL, timestamp: new Date().toISOString(), cost_total: 0.02 };
const ENTRY = { request_id: 'r', sent_at: new Date().toISOString(), json_input: INPUT, json_output: null };

const PAGES = [
  ['a list that goes on, but not where', { kind: 'no-cursor' }],
  ['a list that goes on for ever at one place', { kind: 'same-cursor' }],
  ['a list that does not say whether it is whole', { kind: 'no-end' }],
  ['an object of nothing', told({})],
  ['an array', told([])],
  ['its end, without a list', told(END)],
  ['a list that is null', told({ items: null, billing_events: null, ...END })],
  ['no JSON', { kind: 'status', status: 200 }],
  ['no body', { kind: 'empty' }],
  ['null', { kind: 'null' }],
] as const;

describe("fal's list of requests", () => {
  it.each([
    ...PAGES,
    ['an entry without its id', told({ items: [{ ...ENTRY, request_id: undefined }], ...END })],
    ['an entry without its time', told({ items: [{ ...ENTRY, sent_at: undefined }], ...END })],
    ['an entry of no time', told({ items: [{ ...ENTRY, sent_at: 'soon' }], ...END })],
  ] as const)('shows nothing, and so proves nothing, as %s', async (_, fault) => {
    await using at = await opened();
    at.fal.faults.add({ on: 'list', ...fault } as Fault);
    // Another one than the list holds, so that every page is read.
    await expect(at.platform.findById(MODEL, 'another', at.window, signal)).rejects.toThrow();
    await expect(at.platform.findByIds(MODEL, new Set(['another']), at.window, signal)).rejects.toThrow();
    await expect(at.platform.read(MODEL, at.window, signal)).rejects.toThrow();
  });

  it('is read where it is whole', async () => {
    await using at = await opened();
    expect(await at.platform.findById(MODEL, 'another', at.window, signal)).toBeUndefined();
    const remove = at.fal.faults.add({ on: 'list', ...told({ items: [ENTRY], ...END }) });
    expect(await at.platform.findById(MODEL, 'r', at.window, signal)).toMatchObject({ requestId: 'r' });
    remove();
    expect((await at.platform.read(MODEL, at.window, signal)).entries).toHaveLength(1);
  });
});

describe("fal's bill", () => {
  it.each([
    ...PAGES,
    ['a charge without its cost', told({ billing_events: [{ ...ROW, cost_total: undefined }], ...END })],
    ['a charge of no time', told({ billing_events: [{ ...ROW, timestamp: 'soon' }], ...END })],
  ] as const)('is never "nothing was charged" as %s', async (_, fault) => {
    await using at = await opened();
    at.fal.faults.add({ on: 'billing', ...fault } as Fault);
    const away = { name: 'UserError', code: 'billing_away' };
    await expect(at.billing.charged(at.window, signal)).rejects.toMatchObject(away);
    await expect(at.billing.chargedFor([at.requestId], at.window, signal)).rejects.toMatchObject(away);
  });

  it('says why it cannot be read', async () => {
    await using at = await opened();
    at.fal.faults.add({ on: 'billing', kind: 'no-cursor' });
    await expect(at.billing.charged(at.window, signal)).rejects.toThrow(
      "fal's billing events cannot be read (fal's bill says that it goes on, but not where); nothing was changed, run it again later.",
    );
  });
});

describe('what the doctor asks of fal', () => {
  const facts: readonly [Fault['on'], (at: Opened) => Promise<unknown>][] = [
    ['pricing', (at) => at.facts.price(MODEL, signal)],
    ['models', (at) => at.facts.endpoint(MODEL, signal)],
    ['billing', (at) => at.facts.mayReadBilling(at.fal.adminKey, signal)],
  ];

  it.each(facts)('is not settled by an answer of another shape: %s', async (on, ask) => {
    await using at = await opened();
    for (const fault of [told({}), told([]), told(END), { kind: 'null' } as const]) {
      const remove = at.fal.faults.add({ on, ...fault } as Fault);
      await expect(ask(at)).rejects.toThrow();
      remove();
    }
  });

  it('is not "there is none" while the list goes on', async () => {
    await using at = await opened();
    at.fal.faults.add({ on: 'pricing', ...told({ prices: [], has_more: true, next_cursor: 'x' }) });
    at.fal.faults.add({ on: 'models', ...told({ models: [], has_more: true, next_cursor: 'x' }) });
    await expect(at.facts.price(MODEL, signal)).rejects.toThrow('goes on');
    await expect(at.facts.endpoint(MODEL, signal)).rejects.toThrow('goes on');
  });
});

describe('the pages of a list', () => {
  it.each([
    [{ has_more: false, next_cursor: null }, undefined],
    [{ has_more: false, next_cursor: 'x' }, undefined],
    [{ has_more: false }, undefined],
    [{ next_cursor: null }, undefined],
    [{ has_more: null, next_cursor: null }, undefined],
    [{ has_more: true, next_cursor: 'x' }, 'x'],
    [{ next_cursor: 'x' }, 'x'],
  ])('go on as %j says', (answer, next) => {
    expect(createPages('a list')(answer)).toBe(next);
  });

  it.each([
    [{}],
    [{ has_more: true }],
    [{ has_more: true, next_cursor: '' }],
    [{ has_more: 'no' }],
    [[]],
    [null],
  ])('are not all that there is after %j', (answer) => {
    expect(() => createPages('a list')(answer)).toThrow('a list');
  });

  it('never come round to where they were, over however many of them', () => {
    const next = createPages('a list');
    for (const cursor of ['a', 'b', 'c']) next({ has_more: true, next_cursor: cursor });
    expect(() => next({ has_more: true, next_cursor: 'a' })).toThrow('goes on where it was before');
  });
});
