import { describe, expect, it } from '@jest/globals';
import { ledgerLine } from '../../src/cli/commands/ledger.ts';
import { reconcileJson } from '../../src/cli/commands/reconcile.ts';
import { unknownJson } from '../../src/cli/commands/unknown.ts';
import { planJson } from '../../src/cli/output/plan-json.ts';
import { statusJson } from '../../src/cli/output/status.ts';
import type { Outlook } from '../../src/operations/reconcile/unknowns-list.ts';
import { costsJson } from '../../src/shared/ledger/costs.ts';
import { manifestLine } from '../../src/shared/manifest/manifest.ts';
import { defaultRegistry } from '../../src/shared/models/registry.ts';
import { batchStatus } from '../../src/shared/status/status.ts';
import { jsonUnder, readPage, tableOf } from '../support/docs.ts';

const page = await readPage('docs/json.md');
const plan = jsonUnder(page, '`enqueue --json`, `--dry-run --json`');
const status = jsonUnder(page, '`run --json`, `status BATCH --json`');
const regenerated = jsonUnder(page, 'What was made again');
const costs = jsonUnder(page, '`costs --json`');
const ledger = jsonUnder(page, '`ledger`');
const manifest = jsonUnder(page, '`export BATCH`');
const unknown = jsonUnder(page, '`unknown list --json`');
const reconciled = jsonUnder(page, '`reconcile --json`');

/** The names in a document, in their order, whatever their values. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value !== 'object' || value === null) return '…';
  return Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]);
}

describe('docs/json.md', () => {
  it('shows a plan as `enqueue --json` prints it', () => {
    const totals = {
      shots: 24,
      images: 69,
      requests: 25,
      reusedImages: 0,
      fetchedImages: 0,
      reuseRequests: 0,
      minMicroUsd: 1_010_000,
      maxMicroUsd: 1_070_000,
      naiveMicroUsd: 1_360_000,
      cheapestMicroUsd: 10_000,
      endpoints: ['openai/gpt-image-2.5/flare/text-to-image'],
      groups: [],
    };
    const sync = {
      with: 'catalog-77ab01c3',
      new: 1,
      changed: 2,
      unchanged: 21,
      gone: 1,
      goneIds: ['MUG-009'],
    };
    const covered = {
      rows: 20,
      cap: 'DAILY_CAP_USD' as const,
      limitMicroUsd: 5_000_000,
      leftMicroUsd: 900_000,
    };
    const option = { requests: 25, minMicroUsd: 500_000, maxMicroUsd: 500_000, rows: 24 };
    const fit = {
      budgetMicroUsd: 1_000_000,
      input: 'quality',
      flag: 'quality',
      best: 'low',
      options: [
        { ...option, value: 'low' },
        { ...option, value: 'medium', minMicroUsd: 1_010_000, maxMicroUsd: 1_010_000, rows: 23 },
      ],
      rowsOfTheirOwn: 3,
      rowsOfOtherModels: 0,
    };
    const finish = { seconds: 225, binds: 'slots' as const, learned: 'none' as const };
    const regenerate = { times: 2, maxMicroUsd: 2_140_000 };
    const paidAlready = { requests: 1, costMicroUsd: 50_000 };
    const model = defaultRegistry().get('gpt-image-2.5-flare');
    const defaultModel = { model, by: 'shipped' as const, ended: undefined };
    const columns = {
      columns: [
        { column: 'variants', rows: 20, images: 65, times: 3.25 },
        { column: 'quality', rows: 4, images: 8, times: 4 },
      ],
      times: 3.8,
    };
    const facts = { defaultModel, columns, sync, covered, finish, fit, regenerate, paidAlready };
    const printed = planJson('catalog-bc6d54ef', totals, facts);
    expect(plan).toEqual(printed);
    expect(shapeOf(plan)).toEqual(shapeOf(printed));
  });

  it('shows a status that the contract takes, with nothing left out or added', () => {
    expect(batchStatus.strict().parse(status)).toEqual(status);
    expect(Object.keys(status as object)).toEqual(Object.keys(batchStatus.shape));
  });

  it('shows what was made again as `status --json` prints it', () => {
    const whole = batchStatus.parse(status);
    const again = {
      ...whole,
      batch: 'catalog-bc6d54ef.again1',
      state: 'done' as const,
      money: { ...whole.money, spentUsd: 0.06 },
      heldReason: null,
    };
    const counts = { requests: 3, delivered: 2, failed: 1, open: 0 };
    const { regenerated: printed } = statusJson({
      status: whole,
      regenerated: { ...counts, batches: [again] },
    });
    expect(regenerated).toEqual({ regenerated: printed });
    expect(shapeOf(regenerated)).toEqual(shapeOf({ regenerated: printed }));
    expect(statusJson({ status: whole, regenerated: undefined })).toEqual(whole);
  });

  it('shows costs as they are printed', () => {
    const row = { key: 'catalog-bc6d54ef', costMicroUsd: 90_000, requests: 2, images: 7 };
    expect(costs).toEqual(JSON.parse(JSON.stringify(costsJson([row]))));
  });

  it('shows a ledger line as it is printed', () => {
    const printed = ledgerLine({
      batch: 'catalog-bc6d54ef',
      row: 0,
      part: 0,
      ts: '2026-11-24T12:59:38.480Z',
      shot: 'MUG-001',
      requestId: '98bdce97-7910-4ff0-af95-382dd7f4b8cc',
      model: 'fal-ai/gpt-image-1-mini',
      quality: 'medium',
      imageSize: '1024x1024',
      numImages: 4,
      costMicroUsd: 50_000,
      source: 'billable-units',
    });
    expect(ledger).toEqual(printed);
    expect(shapeOf(ledger)).toEqual(shapeOf(printed));
  });

  it('says where a ledger line tells why it was paid', () => {
    const entry = {
      batch: 'catalog-bc6d54ef.again1',
      row: 0,
      part: 0,
      ts: '2026-11-24T12:59:38.480Z',
      shot: 'MUG-001',
      requestId: 'r',
      model: 'fal-ai/gpt-image-1-mini',
      quality: 'medium',
      imageSize: '1024x1024',
      numImages: 1,
      costMicroUsd: 20_000,
      source: 'price-rule' as const,
      why: 'regenerated: failed_check',
    };
    const printed = Object.entries(ledgerLine(entry)).slice(-2);
    expect(printed).toEqual([
      ['source', 'price-rule'],
      ['why', 'regenerated: failed_check'],
    ]);
    expect(page).toContain('`"why": "regenerated: failed_check"`\nbehind `source`');
  });

  it('shows a manifest line as it is printed', () => {
    const sha256 = '0'.repeat(64);
    const file = { key: 'k', width: 1, height: 1, bytes: 1, format: 'png', sha256 };
    const image = {
      index: 0,
      requestId: 'r',
      original: file,
      renditions: [{ name: 'thumb', ...file, format: 'webp' }],
      look: { thumbHash: 'x', dominantColor: '#ffffff', pHash: '0' },
      findings: [{ check: 'fill', level: 'warn' as const, says: 'x' }],
    };
    const printed = manifestLine(
      { shot: 'MUG-001', prompt: 'A mug', columns: { sku: 'MUG-001', price_eur: '18.00' } },
      [{ status: 'delivered', images: [image] }],
      { urlOf: (key) => key, costMicroUsd: 50_000, simulated: false },
    );
    expect(shapeOf(manifest)).toEqual(shapeOf(printed));
  });

  it('shows an unknown request as it is printed, and its page every outlook', async () => {
    const sinceMs = Date.UTC(2026, 10, 24, 12, 59, 38, 480);
    const one = { request: 'catalog-bc6d54ef.7.0', batch: 'catalog-bc6d54ef', shot: 'MUG-001', sinceMs };
    const outlook = { kind: 'waiting', provenAtMs: sinceMs + 930_000 } as const;
    const printed = unknownJson({ ...one, reserved: 50_000, outlook }, { collectors: 1 });
    expect(unknown).toEqual(printed);
    expect(shapeOf(unknown)).toEqual(shapeOf(printed));
    const outlooks: Record<Outlook['kind'], true> = {
      waiting: true,
      behind: true,
      overdue: true,
      no_control: true,
      unclear: true,
      unsent: true,
      unprovable: true,
    };
    const told = tableOf(await readPage('docs/unknown.md'), 'outlook').map(([name]) => name);
    expect(told).toEqual(Object.keys(outlooks));
  });

  it('shows what reconcile found as it is printed', () => {
    const printed = reconcileJson({
      sinceMs: Date.UTC(2026, 10, 17, 12),
      untilMs: Date.UTC(2026, 10, 24, 12),
      entries: 24,
      events: 25,
      corrected: [
        { requestId: '98bdce97-7910-4ff0-af95-382dd7f4b8cc', fromMicroUsd: 20_000, toMicroUsd: 18_000 },
      ],
      missing: [{ requestId: '2b0f7c1e-55a1-4a8e-9d6f-0c3b7f9e6a10', costMicroUsd: 20_000 }],
      orphans: [{ requestId: '6c9f0780-750b-4e27-a11a-22082ac2045a', costMicroUsd: 20_000 }],
      attached: [
        {
          requestId: 'e41b9a52-08c7-4a53-8a77-5d1f3c2b9e04',
          shot: 'MUG-001',
          costMicroUsd: 20_000,
          wasOrphan: true,
        },
      ],
      driftMicroUsd: -2_000,
      underWay: 1,
      undecided: 1,
      ignored: 1,
    });
    expect(shapeOf(reconciled)).toEqual(shapeOf(printed));
    expect(reconciled).toEqual(printed);
  });
});
