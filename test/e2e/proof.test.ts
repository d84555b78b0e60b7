import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { readBook } from '../../src/local/fal/read-book.ts';
import type { BatchStatus } from '../../src/shared/status/status.ts';
import { EXAMPLE, jsonOf, processesIn, program, workplace } from '../support/program.ts';

describe('run --proof', () => {
  it('makes its rows, writes the contact sheet and waits; approved, the same command makes the rest', async () => {
    await using at = await workplace();
    const run = (...more: string[]) =>
      program(['run', EXAMPLE, '--simulate', '--json', ...more], { cwd: at.path });
    const first = await run('--proof', '4');
    expect(first).toMatchObject({ code: 3 });
    const status = jsonOf<BatchStatus>(first);
    expect(status).toMatchObject({ state: 'held', counts: { planned: 0, unknown: 0 } });
    expect(status.heldReason).toContain(`shotlist approve ${status.batch}`);
    expect(first.stderr).toContain('proof: 4 shots of 24 first');
    const sheet = readFileSync(join(at.path, `${status.batch}-contact-sheet.html`), 'utf8');
    expect(sheet.match(/<article /g)).toHaveLength(4);

    const paid = () =>
      readBook(join(at.path, '.shotlist/sim/fal')).filter((one) => one.chargedMicroUsd > 0).length;
    const paidForProof = paid();
    const again = await run();
    expect(again).toMatchObject({ code: 3 });
    expect(again.stderr).toContain('wait for your word on its proof');
    expect(paid()).toBe(paidForProof);

    const approved = await program(['approve', status.batch, '--simulate'], { cwd: at.path });
    expect(approved).toMatchObject({ code: 0, stdout: '' });
    expect(approved.stderr).toContain(`${status.batch} is approved`);
    const rest = await run();
    // One prompt is refused by fal.
    expect(rest).toMatchObject({ code: 2 });
    expect(jsonOf<BatchStatus>(rest)).toMatchObject({ state: 'done', counts: { delivered: 24, failed: 1 } });
    expect(paid()).toBe(24);
    expect(processesIn(at.path)).toEqual([]);
  }, 120_000);

  it('refuses a number that is none', async () => {
    await using at = await workplace();
    for (const bad of ['0', '1001', '1.5']) {
      const { code, stderr } = await program(['run', EXAMPLE, '--simulate', `--proof=${bad}`], {
        cwd: at.path,
      });
      expect(code).toBe(1);
      expect(stderr).toContain('a whole number of rows from 1 to 1000');
    }
  });
});
