import { ApiError } from '@fal-ai/client';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { Fault } from '../../../../src/local/fal/faults.ts';
import { RUN_FAILURES } from '../../../../src/local/fal/outcome.ts';
import { readBook } from '../../../../src/local/fal/read-book.ts';
import type { FalSimulator } from '../../../../src/local/fal/simulator.ts';
import { callFal, completed, falClientFor, MODEL, submit, testFal, until } from '../../../support/fal.ts';
import { tempFolder } from '../../../support/temp-folder.ts';

const INPUT = { prompt: 'a red mug', quality: 'medium', image_size: '1024x1024', num_images: 2 };

describe('the round trip with the real client', () => {
  it('submits, waits, reads the result and fetches pictures of the asked size and format', async () => {
    await using fal = await testFal({ pictures: 'drawn' });
    const client = falClientFor(fal);
    const input = { ...INPUT, quality: 'medium', image_size: '1024x1024', output_format: 'webp' } as const;
    const { request_id: requestId } = await client.queue.submit(MODEL, { input, startTimeout: 60 });
    const status = await until(
      () => client.queue.status(MODEL, { requestId, logs: true }),
      ({ status }) => status === 'COMPLETED',
    );
    expect(status).toMatchObject({ request_id: requestId, metrics: { inference_time: 0.015 } });
    expect(status).toHaveProperty('logs.0.message');
    const { data, requestId: echoed } = await client.queue.result(MODEL, { requestId });
    expect(echoed).toBe(requestId);
    expect(data.images).toHaveLength(2);
    for (const image of data.images) {
      expect(fal.mediaHosts).toContain(new URL(image.url).host);
      const response = await fetch(image.url);
      expect(response.headers.get('content-type')).toBe('image/webp');
      const meta = await sharp(Buffer.from(await response.arrayBuffer())).metadata();
      expect(meta).toMatchObject({ width: 1024, height: 1024, format: 'webp' });
    }
    expect(fal.book.charged()).toMatchObject([
      { requestId, endpoint: MODEL, input, chargedMicroUsd: 30_000, statusCode: 200, images: 2 },
    ]);
    expect(fal.stats.calls('submit')).toBe(1);
  });

  it('says what a success costs in the units of the price list', async () => {
    await using fal = await testFal();
    const id = await submit(fal, INPUT);
    await completed(fal, id);
    const answer = await result(fal, id);
    const pricing = await callFal(fal, `/v1/models/pricing?endpoint_id=${MODEL}`);
    expect(pricing.body).toMatchObject({
      prices: [{ endpoint_id: MODEL, unit_price: 0.01, unit: 'cents', currency: 'USD' }],
    });
    expect(answer.headers.get('x-fal-billable-units')).toBe('3');
    expect(answer.headers.get('x-fal-request-id')).toBe(id);
  });

  it('reports a refused prompt as a 422 that the client understands, and bills nothing', async () => {
    await using fal = await testFal();
    const client = falClientFor(fal);
    const { request_id: requestId } = await client.queue.submit(MODEL, {
      input: { prompt: 'a mug of blood' },
    });
    await completed(fal, requestId);
    const error = await client.queue.result(MODEL, { requestId }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      status: 422,
      body: { detail: [{ type: 'content_policy_violation', input: 'a mug of blood' }] },
    });
    const raw = await result(fal, requestId);
    expect(raw.headers.get('x-fal-billable-units')).toBe('0');
    expect(raw.headers.get('x-fal-retryable')).toBe('false');
    expect(fal.book.charged()).toEqual([]);
  });

  it('returns data URIs in sync mode, and keeps them out of the history', async () => {
    let aheadMs = 0;
    await using fal = await testFal({ clock: () => Date.now() + aheadMs });
    const id = await submit(fal, { ...INPUT, num_images: 1, sync_mode: true });
    await completed(fal, id);
    const { body } = await result(fal, id);
    const [, base64 = ''] = /^data:image\/png;base64,(.+)$/.exec(String(body?.images?.[0]?.url)) ?? [];
    expect((await sharp(Buffer.from(base64, 'base64')).metadata()).width).toBe(1024);
    aheadMs = 30_000;
    expect((await list(fal)).rows).toEqual([]);
    aheadMs = 361_000;
    expect((await result(fal, id)).status).toBe(404);
  });
});

describe('the queue', () => {
  it('runs no more requests at once than the account has slots; the others wait in their order', async () => {
    let aheadMs = 0;
    await using fal = await testFal({ slots: 2, latencyMs: 60_000, clock: () => Date.now() + aheadMs });
    const ids: string[] = [];
    for (let n = 0; n < 6; n += 1) ids.push(await submit(fal, INPUT));
    const status = async (n: number) => (await callFal(fal, `/${MODEL}/requests/${ids[n]}/status`)).body;
    expect(await status(0)).toMatchObject({ status: 'IN_PROGRESS' });
    expect(await status(5)).toMatchObject({ status: 'IN_QUEUE', queue_position: 3 });
    aheadMs = 70_000;
    expect(await status(1)).toMatchObject({ status: 'COMPLETED' });
    expect(await status(5)).toMatchObject({ status: 'IN_QUEUE', queue_position: 1 });
    aheadMs = 200_000;
    expect(await status(5)).toMatchObject({ status: 'COMPLETED' });
    const entries = fal.book.entries();
    expect(entries.map((entry) => entry.requestId)).toEqual(ids);
    for (const at of entries.map((entry) => entry.startedAtMs ?? 0)) {
      const running = entries.filter(
        (entry) => (entry.startedAtMs ?? 0) <= at && at < (entry.endedAtMs ?? 0),
      );
      expect(running.length).toBeLessThanOrEqual(2);
    }
    expect(fal.stats.busy()).toBeGreaterThan(0.9);
    expect(fal.stats.busy()).toBeLessThanOrEqual(1);
  });

  it('never starts a request after its start timeout, and never charges for it', async () => {
    let aheadMs = 0;
    await using fal = await testFal({ slots: 1, latencyMs: 90_000, clock: () => Date.now() + aheadMs });
    const first = await submit(fal, INPUT);
    const second = await submit(fal, INPUT, { 'x-fal-request-timeout': '30' });
    aheadMs = 60_000;
    expect(await result(fal, first)).toMatchObject({ status: 400 });
    const late = await result(fal, second);
    expect(late.status).toBe(504);
    expect(late.headers.get('x-fal-request-timeout-type')).toBe('user');
    aheadMs = 120_000;
    expect(await result(fal, first)).toMatchObject({ status: 200 });
    const [, entry] = fal.book.entries();
    expect(entry).toMatchObject({ chargedMicroUsd: 0, startedAtMs: undefined, statusCode: 504 });
  });

  it('answers a result that is not there yet with 400, and one that has expired with 404', async () => {
    let aheadMs = 0;
    await using fal = await testFal({ latencyMs: 1_000, clock: () => Date.now() + aheadMs });
    const id = await submit(fal, INPUT);
    expect((await result(fal, id)).status).toBe(400);
    aheadMs = 7_200_000;
    for (const path of ['', '/status']) {
      expect((await callFal(fal, `/${MODEL}/requests/${id}${path}`)).status).toBe(404);
    }
    const { rows } = await list(fal);
    const [row] = rows;
    expect(row).toMatchObject({ request_id: id, status_code: 200 });
    expect((await fetch(String(row?.json_output.images[0]?.url))).status).toBe(200);
  });

  it('cancels what waits, only asks what runs, and does neither for what has ended', async () => {
    let aheadMs = 0;
    await using fal = await testFal({ slots: 1, latencyMs: 60_000, clock: () => Date.now() + aheadMs });
    const running = await submit(fal, INPUT);
    const waiting = await submit(fal, INPUT);
    const cancel = (id: string) => callFal(fal, `/${MODEL}/requests/${id}/cancel`, { method: 'PUT' });
    expect((await cancel(waiting)).status).toBe(200);
    expect((await cancel(running)).status).toBe(202);
    aheadMs = 90_000;
    await completed(fal, running);
    expect((await cancel(running)).status).toBe(400);
    expect((await cancel('00000000-0000-4000-a000-000000000000')).status).toBe(404);
    expect((await result(fal, waiting)).status).toBe(499);
    expect(fal.book.charged().map((entry) => entry.requestId)).toEqual([running]);
  });

  it('drops a sub-path for status and result', async () => {
    await using fal = await testFal({
      endpoints: { [`${MODEL}/edit`]: { microUsdPerImage: 40_000, required: ['image_url'] } },
    });
    const input = { prompt: 'a mug', image_url: 'https://example.com/mug.png' };
    const id = await submit(fal, input, {}, `${MODEL}/edit`);
    await completed(fal, id);
    expect((await result(fal, id)).status).toBe(200);
    expect(fal.book.totalMicroUsd()).toBe(40_000);
  });

  it('refuses strangers, unknown endpoints and what is no JSON, and accepts none of them', async () => {
    await using fal = await testFal();
    const post = (path: string, body: string, key: string = fal.key) =>
      fetch(`${fal.queueUrl}/${path}`, { method: 'POST', body, headers: { authorization: `Key ${key}` } });
    expect((await post(MODEL, '{"prompt":"x"}', 'wrong')).status).toBe(401);
    expect((await post('fal-ai/nothing', '{"prompt":"x"}')).status).toBe(404);
    expect((await post(MODEL, '{"prompt":')).status).toBe(422);
    expect(fal.book.entries()).toEqual([]);
  });

  it('lets a running request fall back into the queue and charges once', async () => {
    let aheadMs = 0;
    await using fal = await testFal({ slots: 1, latencyMs: 60_000, clock: () => Date.now() + aheadMs });
    const id = await submit(fal, INPUT);
    const waiting = await submit(fal, INPUT);
    fal.faults.add({ on: 'status', kind: 'fall-back', times: 1 });
    const status = async (of: string) => (await callFal(fal, `/${MODEL}/requests/${of}/status`)).body?.status;
    expect(await status(waiting)).toBe('IN_QUEUE');
    expect(await status(id)).toBe('IN_QUEUE');
    await until(
      () => status(id),
      (read) => read === 'IN_PROGRESS',
    );
    aheadMs = 90_000;
    await completed(fal, id);
    expect(fal.book.entries()).toMatchObject([{ chargedMicroUsd: 30_000 }, { chargedMicroUsd: 0 }]);
  });
});

describe('the cap watch', () => {
  it('writes down the request whose acceptance exceeds the cap', async () => {
    await using fal = await testFal({ cap: 60_000 });
    await submit(fal, INPUT);
    await submit(fal, INPUT);
    expect(fal.book.violations).toEqual([]);
    const third = await submit(fal, INPUT);
    expect(fal.book.violations).toMatchObject([{ requestId: third, committedMicroUsd: 90_000 }]);
  });

  it('bills a price rise', async () => {
    await using fal = await testFal({ priceRise: 1.5 });
    const id = await submit(fal, INPUT);
    await completed(fal, id);
    expect((await result(fal, id)).headers.get('x-fal-billable-units')).toBe('5');
    expect(fal.book.totalMicroUsd()).toBe(50_000);
  });
});

describe('the platform API', () => {
  it('pages through the history, with inputs exactly as they were sent', async () => {
    await using fal = await testFal({ slots: 8, latencyMs: 1 });
    const ids: string[] = [];
    for (let n = 0; n < 7; n += 1) ids.push(await submit(fal, { ...INPUT, prompt: `mug ${n}` }));
    await Promise.all(ids.map((id) => completed(fal, id)));
    const all = await until(
      () => list(fal),
      ({ rows }) => rows.length === 7,
    );
    expect(all.rows.map((row) => row.json_input.prompt).sort()).toEqual(ids.map((_id, n) => `mug ${n}`));
    expect(all.rows[0]?.json_input).toEqual({
      ...INPUT,
      prompt: all.rows[0]?.json_input.prompt,
    });
    const paged = await list(fal, 'limit=3');
    expect(paged).toMatchObject({ pages: 3, rows: all.rows });
    fal.faults.add({ on: 'list', kind: 'small-pages', pageSize: 2 });
    expect(await list(fal)).toMatchObject({ pages: 4, rows: all.rows });
    fal.faults.clear();
    fal.faults.add({ on: 'list', kind: 'lag', lagMs: 3_600_000 });
    expect((await list(fal)).rows).toEqual([]);
  });

  it('shows running requests only where it is told to', async () => {
    await using hides = await testFal({ latencyMs: 5_000 });
    await using shows = await testFal({ latencyMs: 5_000, listShowsRunning: true, listLagMs: 0 });
    for (const fal of [hides, shows]) await submit(fal, INPUT);
    expect((await list(hides)).rows).toEqual([]);
    expect((await list(shows)).rows).toMatchObject([
      { json_input: INPUT, status_code: null, ended_at: null },
    ]);
  });

  it('gives billing events to the admin key alone, by id, after their lag', async () => {
    await using fal = await testFal({ billingLagMs: 0, percentDiscount: 20 });
    const id = await submit(fal, INPUT);
    await completed(fal, id);
    const path = `/v1/models/billing-events?request_id=${id}&request_id=other`;
    const refused = await callFal(fal, path);
    expect(refused).toMatchObject({ status: 403, body: { error: { type: 'authorization_error' } } });
    const { body } = await callFal(fal, path, { key: fal.adminKey });
    expect(body?.billing_events).toMatchObject([
      { request_id: id, output_units: 3, cost_total: 0.024, cost_estimate_nano_usd: 24_000_000 },
    ]);
    const many = Array.from({ length: 51 }, (_, n) => `request_id=${n}`).join('&');
    expect((await callFal(fal, `/v1/models/billing-events?${many}`, { key: fal.adminKey })).status).toBe(400);
  });

  it('tells anyone whether the endpoint is active', async () => {
    await using fal = await testFal();
    const response = await fetch(`${fal.apiUrl}/v1/models?endpoint_id=${MODEL}`);
    expect(await response.json()).toMatchObject({
      models: [{ endpoint_id: MODEL, metadata: { status: 'active' } }],
    });
  });
});

describe('faults', () => {
  const lost: [Fault, number | 'no answer' | 'broken body'][] = [
    [{ on: 'submit', kind: 'accepted-then-reset' }, 'no answer'],
    [{ on: 'submit', kind: 'accepted-then-hang' }, 'no answer'],
    [{ on: 'submit', kind: 'accepted-then-slow', delayMs: 60_000 }, 'no answer'],
    [{ on: 'submit', kind: 'accepted-then-status', status: 502 }, 502],
    [{ on: 'submit', kind: 'accepted-then-status', status: 503 }, 503],
    [{ on: 'submit', kind: 'accepted-then-status', status: 504 }, 504],
    [{ on: 'submit', kind: 'accepted-truncated' }, 'broken body'],
    [{ on: 'submit', kind: 'accepted-empty' }, 'broken body'],
    [{ on: 'submit', kind: 'accepted-null' }, 'broken body'],
  ];
  const refused: [Fault, number | 'no answer' | 'broken body'][] = [
    [{ on: 'submit', kind: 'reset' }, 'no answer'],
    [{ on: 'submit', kind: 'hang' }, 'no answer'],
    [{ on: 'submit', kind: 'unavailable' }, 503],
    [{ on: 'submit', kind: 'rate-limited', retryAfterS: 7 }, 429],
    [{ on: 'submit', kind: 'unauthorized' }, 401],
    [{ on: 'submit', kind: 'exhausted-balance' }, 403],
    [{ on: 'submit', kind: 'not-found' }, 404],
    [{ on: 'submit', kind: 'bad-request' }, 400],
    [{ on: 'submit', kind: 'invalid' }, 422],
    [{ on: 'submit', kind: 'status', status: 500, body: { detail: 'oops' } }, 500],
  ];
  it.each([
    ...lost.map(([fault, seen]) => ({ fault, seen, accepted: 1 })),
    ...refused.map(([fault, seen]) => ({ fault, seen, accepted: 0 })),
  ])('submit: $fault.kind is seen as $seen, accepted $accepted', async ({ fault, seen, accepted }) => {
    await using fal = await testFal({ latencyMs: 1 });
    fal.faults.add({ ...fault, times: 1 });
    const timeoutMs = seen === 'no answer' ? 300 : 10_000;
    const answer = await callFal(fal, `/${MODEL}`, { method: 'POST', input: INPUT, timeoutMs }).catch(
      () => undefined,
    );
    if (seen === 'no answer') expect(answer).toBeUndefined();
    else if (seen === 'broken body') expect([undefined, null]).toContain(answer?.body);
    else expect(answer?.status).toBe(seen);
    if (seen === 429) expect(answer?.headers.get('retry-after')).toBe('7');
    expect(fal.book.entries()).toHaveLength(accepted);
    await until(
      async () => fal.book.charged(),
      (charged) => charged.length === accepted,
    );
    await submit(fal, INPUT);
    expect(fal.book.entries()).toHaveLength(accepted + 1);
  });

  it('submit: accepted-late is accepted although its caller has long given up', async () => {
    await using fal = await testFal();
    fal.faults.add({ on: 'submit', kind: 'accepted-late', delayMs: 500, times: 1 });
    const answer = callFal(fal, `/${MODEL}`, { method: 'POST', input: INPUT, timeoutMs: 50 });
    await expect(answer).rejects.toThrow();
    expect(fal.book.entries()).toEqual([]);
    await until(
      async () => fal.book.entries(),
      (entries) => entries.length === 1,
    );
  });

  it.each(Object.entries(RUN_FAILURES).map(([kind, { status, billing }]) => ({ kind, status, billing })))(
    'run: $kind answers $status and is billed $billing',
    async ({ kind, status, billing }) => {
      await using fal = await testFal({ latencyMs: 1 });
      // The table's own names.
      fal.faults.add({ on: 'run', kind: kind as keyof typeof RUN_FAILURES, times: 1 });
      const id = await submit(fal, INPUT);
      await completed(fal, id);
      const answer = await result(fal, id);
      expect(answer.status).toBe(status);
      expect(answer.body).toHaveProperty('detail');
      const units = { none: null, zero: '0', full: '3', 'full-unsaid': null }[billing];
      expect(answer.headers.get('x-fal-billable-units')).toBe(units);
      expect(fal.book.totalMicroUsd()).toBe(billing.startsWith('full') ? 30_000 : 0);
    },
  );

  it('run: hide-units makes pictures and keeps quiet about their price', async () => {
    await using fal = await testFal({ latencyMs: 1 });
    fal.faults.add({ on: 'run', kind: 'hide-units' });
    const id = await submit(fal, INPUT);
    await completed(fal, id);
    const answer = await result(fal, id);
    expect([answer.status, answer.headers.get('x-fal-billable-units')]).toEqual([200, null]);
    expect(fal.book.totalMicroUsd()).toBe(30_000);
  });

  const places = ['status', 'result', 'cancel', 'list', 'billing', 'pricing', 'models', 'media'] as const;
  it.each(places)('%s: can be reset, hang, be cut, be away, be gone', async (on) => {
    await using fal = await testFal({ latencyMs: 1, billingLagMs: 0, listLagMs: 0 });
    const id = await submit(fal, INPUT);
    await completed(fal, id);
    const answer = await result(fal, id);
    const path = {
      status: `/${MODEL}/requests/${id}/status`,
      result: `/${MODEL}/requests/${id}`,
      cancel: `/${MODEL}/requests/${id}/cancel`,
      list: `/v1/models/requests/by-endpoint?endpoint_id=${MODEL}`,
      billing: '/v1/models/billing-events',
      pricing: `/v1/models/pricing?endpoint_id=${MODEL}`,
      models: `/v1/models?endpoint_id=${MODEL}`,
      media: new URL(String(answer.body?.images?.[0]?.url)).pathname,
    }[on];
    const call = (timeoutMs = 10_000) =>
      callFal(fal, path, { method: on === 'cancel' ? 'PUT' : 'GET', key: fal.adminKey, timeoutMs });
    const working = on === 'cancel' ? 400 : 200;
    expect((await call()).status).toBe(working);
    const seen = async (fault: Fault) => {
      const remove = fal.faults.add(fault);
      const answer = await call(fault.kind === 'hang' ? 100 : 10_000).catch(() => 'no answer' as const);
      remove();
      return answer === 'no answer' ? answer : answer.body === undefined ? 'broken body' : answer.status;
    };
    expect(await seen({ on, kind: 'reset' })).toBe('no answer');
    expect(await seen({ on, kind: 'hang' })).toBe('no answer');
    expect(await seen({ on, kind: 'slow', delayMs: 10 })).toBe(on === 'media' ? 'broken body' : working);
    expect(await seen({ on, kind: 'truncated' })).toBe('broken body');
    expect(await seen({ on, kind: 'empty' })).toBe('broken body');
    expect(await seen({ on, kind: 'unavailable' })).toBe(503);
    expect(await seen({ on, kind: 'not-found' })).toBe(404);
    expect(await seen({ on, kind: 'gone' })).toBe(410);
    expect((await call()).status).toBe(working);
  });

  it('media: html, another format, garbage, 400 megapixels, a quiet cut, a redirect elsewhere', async () => {
    await using fal = await testFal({ latencyMs: 1, pictures: 'drawn' });
    const id = await submit(fal, INPUT);
    await completed(fal, id);
    const { body } = await result(fal, id);
    const get = async (kind: Extract<Fault, { on: 'media' }>['kind']) => {
      fal.faults.add({ on: 'media', kind, times: 1 } as Fault);
      const response = await fetch(String(body?.images?.[0]?.url), { redirect: 'manual' });
      return { response, bytes: Buffer.from(await response.arrayBuffer()) };
    };
    expect((await get('html')).bytes.toString()).toContain('<!doctype html>');
    expect((await sharp((await get('other-format')).bytes).metadata()).format).toBe('jpeg');
    await expect(
      sharp((await get('corrupt')).bytes)
        .raw()
        .toBuffer(),
    ).rejects.toThrow();
    const huge = (await get('huge')).bytes;
    expect(huge.length).toBeLessThan(1_000_000);
    expect(await sharp(huge, { limitInputPixels: false }).metadata()).toMatchObject({ width: 20_000 });
    await expect(
      sharp((await get('wrong-length')).bytes)
        .raw()
        .toBuffer(),
    ).rejects.toThrow();
    const { response } = await get('redirect');
    expect(response.status).toBe(302);
    expect(fal.mediaHosts).not.toContain(new URL(response.headers.get('location') ?? '').host);
  });

  it('strike as often as told, where told, and with the seeded probability', async () => {
    const pattern = async (seed: string) => {
      await using fal = await testFal({ seed });
      fal.faults.add({ on: 'pricing', kind: 'unavailable', probability: 0.5 });
      const seen: number[] = [];
      for (let n = 0; n < 20; n += 1) {
        seen.push((await callFal(fal, `/v1/models/pricing?endpoint_id=${MODEL}`)).status);
      }
      return seen;
    };
    const first = await pattern('a');
    expect(new Set(first)).toEqual(new Set([200, 503]));
    expect(await pattern('a')).toEqual(first);
    expect(await pattern('b')).not.toEqual(first);

    await using fal = await testFal();
    fal.faults.add({
      on: 'submit',
      kind: 'bad-request',
      when: ({ input }) => input?.['prompt'] === 'bad',
      times: 1,
    });
    const status = async (prompt: string) =>
      (await callFal(fal, `/${MODEL}`, { method: 'POST', input: { prompt } })).status;
    expect([await status('good'), await status('bad'), await status('bad')]).toEqual([200, 400, 200]);
  });
});

describe('a restart with the same state folder', () => {
  it('keeps keys, book, results and pictures, and finishes what was running', async () => {
    await using folder = await tempFolder();
    const before = await testFal({ stateFolder: folder.path, latencyMs: 300, slots: 1 });
    const done = await submit(before, INPUT);
    await completed(before, done);
    const running = await submit(before, INPUT);
    const waiting = await submit(before, { ...INPUT, prompt: 'a blue mug' });
    const result = await callFal(before, `/${MODEL}/requests/${done}`);
    const picture = await bytesAt(String(result.body?.images?.[1]?.url));
    await before[Symbol.asyncDispose]();
    expect(readBook(folder.path)).toEqual(before.book.entries());
    expect(readBook(folder.path).map((entry) => entry.statusCode)).toEqual([200, undefined, undefined]);

    await using after = await testFal({ stateFolder: folder.path, latencyMs: 30, slots: 1 });
    expect([after.key, after.adminKey]).toEqual([before.key, before.adminKey]);
    await Promise.all([running, waiting].map((id) => completed(after, id)));
    expect(after.book.charged().map((entry) => entry.requestId)).toEqual([done, running, waiting]);
    expect(after.book.totalMicroUsd()).toBe(90_000);
    const again = await callFal(after, `/${MODEL}/requests/${done}`);
    expect(await bytesAt(String(again.body?.images?.[1]?.url))).toEqual(picture);
    const next = await submit(after, INPUT);
    expect([done, running, waiting]).not.toContain(next);
  });
});

function result(fal: FalSimulator, id: string) {
  return callFal(fal, `/${MODEL}/requests/${id}`);
}

interface Row {
  readonly request_id: string;
  readonly status_code: number | null;
  readonly json_input: { readonly prompt: string };
  readonly json_output: { readonly images: readonly { readonly url: string }[] };
}

/** All pages of the history. */
async function list(fal: FalSimulator, query = 'limit=100'): Promise<{ pages: number; rows: Row[] }> {
  const rows: Row[] = [];
  let cursor = '';
  for (let pages = 1; ; pages += 1) {
    const path = `/v1/models/requests/by-endpoint?endpoint_id=${MODEL}&expand=payloads&${query}${cursor}`;
    const { body } = await callFal(fal, path);
    // The simulator's own rows, whose shape is what these tests look at.
    rows.push(...((body?.items ?? []) as Row[]));
    if (body?.has_more !== true) return { pages, rows };
    cursor = `&cursor=${encodeURIComponent(String(body.next_cursor))}`;
  }
}

async function bytesAt(url: string): Promise<Buffer> {
  return Buffer.from(await (await fetch(url)).arrayBuffer());
}
