import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import type { ListArguments } from '../../../../src/cli/options/list.ts';
import { confirmSpending, type Spending } from '../../../../src/cli/output/confirm-spending.ts';
import { systemClock } from '../../../../src/shared/base/time.ts';

const stock = { column: 'variants', rows: 2, images: 84, times: 42 };
const DEAR = { maxMicroUsd: 1_050_000, columns: { columns: [stock], times: 42 } };
const CHOSEN = {
  maxMicroUsd: 1_050_000,
  columns: { columns: [{ column: 'variants', rows: 2, images: 8, times: 4 }], times: 4 },
};
const PLAIN = { maxMicroUsd: 5_000_000, columns: { columns: [], times: 1 } };

/** Asks on a terminal if there is an answer; resolves with what was said, or why it was refused. */
async function asked(
  spending: Spending,
  { answer, ...args }: Pick<ListArguments, 'yes' | 'cap' | 'simulate'> & { readonly answer?: 'y' | 'n' } = {},
): Promise<{ readonly said: string; readonly refused: string | undefined }> {
  const isTTY = answer !== undefined;
  const stdin = Object.assign(new PassThrough(), { isTTY });
  const stderr = Object.assign(new PassThrough(), { isTTY, columns: 400 });
  const said = text(stderr);
  if (answer !== undefined) stdin.write(`${answer}\n`);
  const refused = await confirmSpending(
    {
      environment: {},
      cwd: '/',
      stdin: stdin as unknown as NodeJS.ReadStream,
      stdout: new PassThrough() as unknown as NodeJS.WriteStream,
      stderr: stderr as unknown as NodeJS.WriteStream,
      signal: new AbortController().signal,
      clock: systemClock,
    },
    spending,
    args,
    { confirmOver: 5_000_000 },
  ).then(
    () => undefined,
    (error: Error) => error.message,
  );
  stderr.end();
  return { said: await said, refused };
}

describe('spending that a column of the list multiplies', () => {
  it('is refused without a terminal, however little it is, with the ways out', async () => {
    expect((await asked(DEAR)).refused).toBe(
      'The column variants makes 84 pictures of 2 rows. This may cost up to $1.05, 42 times what the options alone would cost: ' +
        'add --yes, or --cap with the most that it may spend. Or leave what means something else in your shop unread: --ignore variants.',
    );
  });

  it('is asked about on a terminal, the column named', async () => {
    const no = await asked(DEAR, { answer: 'n' });
    expect(no.said).toContain(
      'The column variants makes 84 pictures of 2 rows. This may cost up to $1.05. Go on?',
    );
    expect(no.refused).toBe('Nothing was spent.');
    expect((await asked(DEAR, { answer: 'y' })).refused).toBeUndefined();
  });

  it.each([{ yes: true }, { cap: 1_000_000 }, { simulate: true }] as const)(
    'goes on with %j',
    async (args) => {
      expect(await asked(DEAR, args)).toEqual({ said: '', refused: undefined });
    },
  );

  it('is not asked about while it is what lists choose on purpose', async () => {
    expect(await asked(CHOSEN)).toEqual({ said: '', refused: undefined });
    expect(await asked(PLAIN)).toEqual({ said: '', refused: undefined });
    expect(await asked({ maxMicroUsd: 5_000_000 })).toEqual({ said: '', refused: undefined });
    expect((await asked({ ...CHOSEN, maxMicroUsd: 6_000_000 })).refused).toBe(
      'The column variants makes 8 pictures of 2 rows. This may cost up to $6.00, more than CONFIRM_OVER_USD ($5.00): add --yes, or --cap with the most that it may spend.',
    );
  });
});
