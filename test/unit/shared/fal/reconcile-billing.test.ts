import { describe, expect, it } from '@jest/globals';
import { since } from '../../../../src/cli/options/since.ts';
import { createBilling } from '../../../../src/shared/fal/billing.ts';
import type { FalRequest } from '../../../../src/shared/fal/http.ts';

/** A bill of so many charges, newest first, by pages whose cursor is their number, as fal has them. */
function billOf(charges: number) {
  const asked: URLSearchParams[] = [];
  const http = async ({ url, headers }: FalRequest) => {
    expect(headers['authorization']).toBe('Key admin');
    const query = new URL(url).searchParams;
    asked.push(query);
    const limit = Number(query.get('limit'));
    const page = Number(query.get('cursor') ?? '1');
    const ids = query.getAll('request_id');
    const rows = Array.from({ length: charges }, (_, at) => `r-${at}`)
      .filter((id) => ids.length === 0 || ids.includes(id))
      .map((request_id) => ({
        request_id,
        endpoint_id: 'made/up',
        timestamp: '2026-11-20T12:00:00.000Z',
        cost_total: 0.02,
      }));
    const has_more = rows.length > page * limit;
    const body = {
      billing_events: rows.slice((page - 1) * limit, page * limit),
      has_more,
      next_cursor: has_more ? String(page + 1) : null,
    };
    return { status: 200, text: JSON.stringify(body), billableUnits: undefined, dateMs: undefined };
  };
  return { asked, billing: createBilling({ http, adminKey: 'admin', apiUrl: 'http://fal', timeoutMs: 1 }) };
}

const WINDOW = { fromMs: Date.UTC(2026, 10, 19), toMs: Date.UTC(2026, 10, 21) };

describe("reading fal's bill", () => {
  it('takes all pages of one fixed window', async () => {
    const { asked, billing } = billOf(250);
    const events = await billing.charged(WINDOW);
    expect(new Set(events.map(({ requestId }) => requestId)).size).toBe(250);
    expect(asked.map((query) => query.get('cursor'))).toEqual([null, '2', '3']);
    expect(new Set(asked.map((query) => `${query.get('start')} ${query.get('end')}`)).size).toBe(1);
  });

  it('asks for at most 50 requests at once', async () => {
    const { asked, billing } = billOf(120);
    const ids = Array.from({ length: 130 }, (_, at) => `r-${at}`);
    expect(await billing.chargedFor(ids, WINDOW)).toHaveLength(120);
    expect(asked.map((query) => query.getAll('request_id').length)).toEqual([50, 50, 30]);
  });

  it('rejects an answer that is not what fal documents, and changes nothing', async () => {
    const http = async () => ({
      status: 200,
      text: '{"billing_events":[{}]}',
      billableUnits: undefined,
      dateMs: undefined,
    });
    const billing = createBilling({ http, adminKey: 'admin', apiUrl: 'http://fal', timeoutMs: 1 });
    await expect(billing.charged(WINDOW)).rejects.toThrow('not what fal documents');
  });
});

describe('--since', () => {
  const now = Date.UTC(2026, 10, 24, 12);

  it.each([
    ['24h', now - 86_400_000],
    ['7d', now - 7 * 86_400_000],
    ['2026-11-20', new Date(2026, 10, 20).getTime()],
  ])('%s is a time', (text, expected) => expect(since(text)(now)).toBe(expected));

  it.each(['', '0d', '7', 'yesterday', '2026-13-01', '2026-11-31', '89d', '-1d'])('%s is refused', (text) =>
    expect(() => since(text)).toThrow(),
  );
});
