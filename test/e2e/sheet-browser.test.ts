import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, jest } from '@jest/globals';
import { hasBrowser, openBrowser } from '../support/browser.ts';
import { writeLargeSheet } from '../support/large-sheet.ts';
import { tempFolder } from '../support/temp-folder.ts';

// A browser on a busy machine takes its time to start.
jest.setTimeout(120_000);

const SHOTS = 500;

describe('a contact sheet of 500 shots in Chromium', () => {
  (hasBrowser ? it : it.skip)(
    'opens, filters by state and check, finds words, and runs nothing of a prompt',
    async () => {
      await using folder = await tempFolder();
      const file = join(folder.path, 'sheet.html');
      await writeLargeSheet(file, SHOTS);
      const browser = await openBrowser();
      try {
        const page = await browser.newPage({ viewport: { width: 1_400, height: 1_000 } });
        const faults: string[] = [];
        page.on('pageerror', (error) => faults.push(String(error)));
        page.on('console', (message) => {
          if (message.type() === 'error') faults.push(message.text());
        });
        const asked: string[] = [];
        page.on('request', (request) => {
          if (!/^(file|data):/.test(request.url())) asked.push(request.url());
        });
        await page.goto(pathToFileURL(file).href);

        const shown = async () => await page.locator('.shot:visible').count();
        expect(await shown()).toBe(SHOTS);
        const label = (text: RegExp) => page.getByRole('button', { name: text });
        await label(/^failed 50$/i).click();
        expect(await shown()).toBe(50);
        await expectPressed(label(/^failed/i));
        // 0, 7, 14 …: 72 of 500, less those that failed.
        const odd = Array.from({ length: SHOTS }, (_, at) => at).filter(
          (at) => at % 7 === 0 && at % 10 !== 9,
        ).length;
        await label(new RegExp(`^fill ${odd}$`, 'i')).click();
        expect(await shown()).toBe(odd);
        await label(/^all 500$/i).click();
        await page.getByRole('searchbox').fill('number 123,');
        expect(await shown()).toBe(1);
        expect(await page.locator('.shot:visible h2 bdi').textContent()).toBe('SKU-123');
        await page.getByRole('searchbox').fill('no such words');
        expect(await page.locator('.none').isVisible()).toBe(true);

        expect(await page.evaluate('window.broken')).toBeUndefined();
        expect({ faults, asked }).toEqual({ faults: [], asked: [] });
      } finally {
        await browser.close();
      }
    },
  );
});

async function expectPressed(button: { getAttribute(name: string): Promise<string | null> }): Promise<void> {
  expect(await button.getAttribute('aria-pressed')).toBe('true');
}
