import { describe, expect, it } from '@jest/globals';
import type { BatchStatus } from '../../src/shared/status/status.ts';
import { testFal } from '../support/fal.ts';
import { jsonOf, processesIn, program, workplace } from '../support/program.ts';
import { listOf, realEnv, timesPaid } from '../support/program-fal.ts';

const SHOTS = 4;

interface LedgerLine {
  readonly requestId: string;
  readonly costUsd: number;
  readonly simulated?: boolean;
}

describe('run, with fal played by a simulator outside', () => {
  it('pays for every image after a simulated run of the same list in the same folder', async () => {
    await using fal = await testFal();
    await using at = await workplace();
    const run = ['run', await listOf(at.path, SHOTS), '--json'];
    const simulated = await program([...run, '--simulate'], { cwd: at.path });
    expect(simulated).toMatchObject({ code: 0 });
    expect(fal.book.entries()).toEqual([]);

    const real = await program(run, { cwd: at.path, env: realEnv(fal) });
    expect(real).toMatchObject({ code: 0 });
    expect(real.stderr).not.toContain('already made');
    expect(jsonOf<BatchStatus>(real).counts.delivered).toBe(SHOTS);
    expect(timesPaid(fal)).toEqual(Array(SHOTS).fill(1));

    const ledger = await program(['ledger', '--json'], { cwd: at.path });
    const lines = jsonOf<readonly LedgerLine[]>(ledger);
    expect(lines.map(({ requestId }) => requestId).sort()).toEqual(
      fal.book
        .charged()
        .map(({ requestId }) => requestId)
        .sort(),
    );
    expect(lines.filter(({ simulated: yes }) => yes === true)).toEqual([]);
    const paid = lines.reduce((sum, { costUsd }) => sum + Math.round(costUsd * 1e6), 0);
    expect(paid).toBe(fal.book.totalMicroUsd());
  }, 90_000);

  it('pays once when the same list is run twice at the same time, and both end alike', async () => {
    await using fal = await testFal({ latencyMs: 400 });
    await using at = await workplace();
    const run = ['run', await listOf(at.path, SHOTS), '--json'];
    const options = { cwd: at.path, env: realEnv(fal) };
    const [one, other] = await Promise.all([program(run, options), program(run, options)]);
    expect({ code: one.code, stderr: one.stderr }).toMatchObject({ code: 0 });
    expect({ code: other.code, stderr: other.stderr }).toMatchObject({ code: 0 });
    expect(jsonOf(one)).toEqual(jsonOf(other));
    expect(jsonOf<BatchStatus>(one).counts.delivered).toBe(SHOTS);
    expect(timesPaid(fal)).toEqual(Array(SHOTS).fill(1));
    expect(processesIn(at.path)).toEqual([]);
  }, 90_000);

  it('goes on over CONFIRM_OVER_USD with --yes, and with --cap', async () => {
    await using fal = await testFal();
    await using at = await workplace();
    const list = await listOf(at.path, SHOTS);
    const env = { ...realEnv(fal), CONFIRM_OVER_USD: '0.01' };
    const refused = await program(['run', list, '--batch', 'b'], { cwd: at.path, env });
    expect(refused).toMatchObject({ code: 1 });
    expect(fal.book.entries()).toEqual([]);

    const capped = await program(['run', list, '--batch', 'b', '--cap', '0.02', '--json'], {
      cwd: at.path,
      env,
    });
    expect(capped).toMatchObject({ code: 3 });
    expect(jsonOf<BatchStatus>(capped)).toMatchObject({
      state: 'held',
      heldReason: expect.stringContaining('cap'),
    });
    expect(fal.book.totalMicroUsd()).toBe(20_000);

    const sure = await program(['run', list, '--batch', 'sure', '--yes', '--json'], { cwd: at.path, env });
    expect(sure).toMatchObject({ code: 0 });
    // What the first had made is not paid for again.
    expect(fal.book.totalMicroUsd()).toBe(40_000);
  }, 90_000);

  it('holds the batch, and fails nothing, when fal refuses the key', async () => {
    await using fal = await testFal();
    await using at = await workplace();
    const env = { ...realEnv(fal), FAL_KEY: 'another-key' };
    const ran = await program(['run', await listOf(at.path, 2), '--json'], { cwd: at.path, env });
    expect(ran).toMatchObject({ code: 3 });
    expect(jsonOf<BatchStatus>(ran)).toMatchObject({
      state: 'held',
      counts: { failed: 0 },
      heldReason: expect.stringContaining('key'),
    });
  }, 60_000);
});
