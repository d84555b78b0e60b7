import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { webhookUrlFault } from '../../src/shared/base/addresses.ts';
import { TELL_ATTEMPTS } from '../../src/shared/queues/completion-queue.ts';
import { batchStatus } from '../../src/shared/status/status.ts';
import { holdBody, webhookBody } from '../../src/worker/completion/completion.ts';
import { signatureOf, webhookBackoffMs } from '../../src/worker/completion/webhook.ts';
import { blocksOf, readPage } from '../support/docs.ts';
import { tempFolder } from '../support/temp-folder.ts';

const page = await readPage('docs/webhooks.md');
const [shown, shownHold] = blocksOf(page, 'json').map((block): unknown => JSON.parse(block));
const NOW = 1_795_525_699_749;

describe('docs/webhooks.md', () => {
  it('shows a body as it is sent', () => {
    const { batch, status } = shown as { batch: string; status: unknown };
    const sent = webhookBody(
      { batch, endedAtMs: NOW },
      {
        status: batchStatus.strict().parse(status),
        regenerated: undefined,
        simulated: false,
        urlOf: (key) => `https://pictures.example.com/${key}`,
      },
    );
    expect(shown).toEqual(sent);
    expect(JSON.stringify(shown)).toBe(JSON.stringify(sent));
  });

  it('shows a body of a hold as it is sent', () => {
    const { batch, status } = shownHold as { batch: string; status: unknown };
    const sent = holdBody(
      { batch, endedAtMs: NOW },
      { status: batchStatus.strict().parse(status), simulated: false },
    );
    expect(shownHold).toEqual(sent);
    expect(JSON.stringify(shownHold)).toBe(JSON.stringify(sent));
  });

  it('has an example that tells what is signed from what is not', async () => {
    await using folder = await tempFolder();
    const [example = ''] = blocksOf(page, 'js');
    const file = join(folder.path, 'check.mjs');
    const tail =
      'console.log(JSON.stringify(JSON.parse(process.argv[2]).map((one) => isFromShotlist(...one))));';
    await writeFile(file, `${example}\n${tail}\n`);
    const secret = 'a secret of the receiver';
    const body = '{"batch":"Größe"}';
    const header = signatureOf(body, { secret, atMs: NOW });
    const cases = [
      [secret, header, body, NOW],
      [secret, header, body, NOW + 301_000],
      [secret, header, `${body} `, NOW],
      ['another secret', header, body, NOW],
      [secret, header.replace(/t=\d/, 't=2'), body, NOW],
      [secret, undefined, body, NOW],
      [secret, `${header}0`, body, NOW],
    ];
    const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(cases)]);
    expect(JSON.parse(stdout)).toEqual([true, false, false, false, false, false, false]);
  });
});

describe('the address of a webhook', () => {
  it.each([
    'https://shop.example.com/hooks?key=1',
    'http://localhost:8080/x',
    'http://127.0.0.1:9/x',
    'http://[::1]:9/x',
  ])('may be %s', (url) => {
    expect(webhookUrlFault(url)).toBeUndefined();
  });

  it.each([
    ['shop.example.com/hooks', 'it is no address'],
    ['ftp://shop.example.com/', 'it must start with https://'],
    ['http://shop.example.com/', 'plain http is only for this machine'],
    ['http://127.0.0.1.example.com/', 'plain http is only for this machine'],
    ['https://me:word@shop.example.com/', 'user name or password'],
    ['https://me@shop.example.com/', 'user name or password'],
    [`https://shop.example.com/${'x'.repeat(2_000)}`, 'more than 2000 characters'],
  ])('may not be %s', (url, why) => {
    expect(webhookUrlFault(url)).toContain(why);
  });
});

describe('the tries of a webhook', () => {
  it('come after 10 seconds, ever later up to an hour, for about a day', () => {
    expect(webhookBackoffMs(1, () => 0)).toBe(5_000);
    expect(webhookBackoffMs(1, () => 0.999_999)).toBe(10_000);
    expect(webhookBackoffMs(39, () => 0.999_999_999)).toBe(3_600_000);
    const average = Array.from({ length: TELL_ATTEMPTS - 1 }, (_, at) => webhookBackoffMs(at + 1, () => 0.5));
    const hours = average.reduce((sum, ms) => sum + ms, 0) / 3_600_000;
    expect(hours).toBeGreaterThan(22);
    expect(hours).toBeLessThan(26);
  });
});
