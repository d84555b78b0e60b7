import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  type ComparedModel,
  compareInput,
  comparison,
  type Input,
  withoutSignatures,
} from '../../../../src/shared/fal/compare-input.ts';
import { defaultRegistry } from '../../../../src/shared/models/registry.ts';

const mini = defaultRegistry().get('gpt-image-1-mini');
const POSTED = {
  prompt: 'a white cup on a table',
  quality: 'medium',
  image_size: '1024x1024',
  background: 'auto',
  output_format: 'png',
  num_images: 2,
};

/** A model that takes photographs, a size as an object, a number and a switch. */
const EDIT: ComparedModel = {
  prompt: { input: 'prompt' },
  images: { input: 'num_images' },
  inputs: [
    { name: 'image_size', falDefault: 'auto' },
    { name: 'image_urls' },
    { name: 'strength', falDefault: 0.5 },
    { name: 'expand' },
    { name: 'mask_url' },
  ],
};
const PHOTO = 'https://v3.fal.media/files/shop/3fa9c2.png';
const EDITED = {
  prompt: 'on marble',
  image_size: { width: 1024, height: 1536 },
  image_urls: [`${PHOTO}?X-Amz-Signature=1`],
  strength: 0.75,
  expand: true,
  num_images: 1,
};

describe('comparing what fal shows with what was POSTed', () => {
  it.each([
    ['as it was POSTed', POSTED, 'same'],
    ["with fal's own defaults filled in", { ...POSTED, sync_mode: false }, 'same'],
    ['with a further input of null', { ...POSTED, sync_mode: null }, 'same'],
    ['with a field that the model does not have', { ...POSTED, trace_id: 'x' }, 'same'],
    ['with a number as a text', { ...POSTED, num_images: '2' }, 'same'],
    ['with other white space at the ends', { ...POSTED, prompt: ' a white cup on a table\r\n' }, 'same'],
    ['with a further input filled in otherwise', { ...POSTED, sync_mode: true }, 'unclear'],
    ['not at all', undefined, 'unclear'],
    ['as null', null, 'unclear'],
    ['as a text', 'a white cup on a table', 'unclear'],
    ['as a list', [POSTED], 'unclear'],
    ['without a field', { ...POSTED, quality: undefined }, 'unclear'],
    ['with a field of null', { ...POSTED, prompt: null }, 'unclear'],
    ['with a field of another type', { ...POSTED, quality: { level: 'medium' } }, 'unclear'],
    ['with the prompt cut', { ...POSTED, prompt: 'a white cup' }, 'unclear'],
    ['with the prompt cut and marked', { ...POSTED, prompt: 'a white cup on a t…' }, 'unclear'],
    ['with the prompt cut and marked in words', { ...POSTED, prompt: 'a white [truncated]' }, 'unclear'],
    ['with the middle of the prompt cut', { ...POSTED, prompt: 'a white...a table' }, 'unclear'],
    ['with an empty prompt', { ...POSTED, prompt: '' }, 'unclear'],
    ['with a longer prompt', { ...POSTED, prompt: 'a white cup on a table at dawn' }, 'other'],
    ['with another prompt', { ...POSTED, prompt: 'a red cup on a table' }, 'other'],
    ['with another prompt that is cut', { ...POSTED, prompt: 'a red cup…' }, 'other'],
    ['with another number of pictures', { ...POSTED, num_images: 1 }, 'other'],
    ['with another number of pictures as a text', { ...POSTED, num_images: '1' }, 'other'],
    ['with another option, whatever else is hidden', { ...POSTED, prompt: null, quality: 'high' }, 'other'],
  ] as const)('%s: %#', (_, shown, expected) => {
    expect(compareInput(POSTED, shown, mini)).toBe(expected);
  });

  it.each([
    ['an address signed otherwise', { ...EDITED, image_urls: [`${PHOTO}?X-Amz-Signature=2#a`] }, 'same'],
    ['an address on another host', { ...EDITED, image_urls: ['https://cdn.fal.ai/f/3fa9c2.png'] }, 'unclear'],
    ['an address in place of the bytes', { ...EDITED, image_urls: ['data:image/png;base64,AA'] }, 'unclear'],
    ['an address that is cut', { ...EDITED, image_urls: ['https://v3.fal.media/files/sho…'] }, 'unclear'],
    ['another photo', { ...EDITED, image_urls: ['https://v3.fal.media/files/shop/777.png'] }, 'other'],
    ['one photo more', { ...EDITED, image_urls: [PHOTO, PHOTO] }, 'other'],
    ['one address in place of the list', { ...EDITED, image_urls: PHOTO }, 'unclear'],
    ['another size', { ...EDITED, image_size: { width: 1024, height: 1024 } }, 'other'],
    ['the size with its fields turned', { ...EDITED, image_size: { height: 1536, width: 1024 } }, 'same'],
    ['the size as a name', { ...EDITED, image_size: 'portrait_4_3' }, 'unclear'],
    ['half of the size', { ...EDITED, image_size: { width: 1024 } }, 'unclear'],
    ['truth as a text', { ...EDITED, expand: 'true' }, 'same'],
    ['untruth as a text', { ...EDITED, expand: 'false' }, 'other'],
    ['a number as a longer text', { ...EDITED, strength: '0.750' }, 'same'],
    ['a mask that nobody POSTed', { ...EDITED, mask_url: PHOTO }, 'unclear'],
  ] as const)('%s', (_, shown, expected) => {
    expect(compareInput(EDITED, shown, EDIT)).toBe(expected);
  });

  it('believes what fal fills in where it fills the same into an answered request that did not POST it either', () => {
    const posted = { prompt: 'a jug', num_images: 1 };
    const shown = { ...posted, mask_url: 'none' };
    const control = {
      posted: { prompt: 'a cup', num_images: 1 },
      shown: { prompt: 'a cup', mask_url: 'none' },
    };
    expect(compareInput(posted, shown, EDIT)).toBe('unclear');
    expect(compareInput(posted, shown, EDIT, [control])).toBe('same');
    const chosen = { ...control, posted: { ...control.posted, mask_url: 'none' } };
    expect(compareInput(posted, shown, EDIT, [chosen])).toBe('unclear');
  });

  it('is not the same where more was asked for than we POSTed, nor where less was', () => {
    const less = { prompt: 'a cup', num_images: 1 };
    const more = { ...less, strength: 0.75 };
    expect(compareInput(less, more, EDIT)).toBe('unclear');
    expect(compareInput(more, less, EDIT)).toBe('unclear');
    // Said or left out, fal's own default is one input.
    expect(compareInput(less, { ...less, strength: 0.5 }, EDIT)).toBe('same');
  });

  it('names the fields that differ, and only those', () => {
    const shown = { ...POSTED, prompt: 'a jug', quality: null, num_images: 3 };
    expect(comparison(POSTED, shown, mini)).toEqual({ likeness: 'other', differs: ['prompt', 'num_images'] });
  });

  it('keeps no signature of an address', () => {
    expect(withoutSignatures(EDITED)).toEqual({ ...EDITED, image_urls: [PHOTO] });
    expect(withoutSignatures({ prompt: 'is it a cup?' })).toEqual({ prompt: 'is it a cup?' });
  });
});

const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
const posts: fc.Arbitrary<Input> = fc.record({
  prompt: text,
  quality: fc.constantFrom('low', 'medium', 'high', 'auto'),
  image_size: fc.constantFrom('1024x1024', '1536x1024', '1024x1536'),
  num_images: fc.integer({ min: 1, max: 4 }),
});

describe('whatever is POSTed', () => {
  it('is itself, in any order, any Unicode form, with defaults filled in and numbers retyped', () => {
    fc.assert(
      fc.property(posts, (posted) => {
        const turned = Object.fromEntries(Object.entries(posted).reverse());
        const prompt = ` ${String(posted['prompt']).normalize('NFD').replaceAll('\n', '\r\n')} `;
        const filled = { background: 'auto', output_format: 'png', sync_mode: false };
        for (const shown of [posted, turned, { ...posted, prompt }, { ...filled, ...posted }])
          expect(compareInput(posted, shown, mini)).toBe('same');
        expect(compareInput(posted, { ...posted, num_images: String(posted['num_images']) }, mini)).toBe(
          'same',
        );
      }),
    );
  });

  it('is never the same as what differs in one field, and never another than what hides or cuts one', () => {
    fc.assert(
      fc.property(posts, posts, fc.nat({ max: 40 }), (posted, others, kept) => {
        for (const name of Object.keys(posted)) {
          const differs = compareInput(posted, { ...posted, [name]: others[name] }, mini);
          if (compareInput({ [name]: posted[name] }, { [name]: others[name] }, mini) !== 'same')
            expect(differs).not.toBe('same');
          for (const hidden of [null, undefined, {}, []])
            expect(compareInput(posted, { ...posted, [name]: hidden }, mini)).toBe('unclear');
        }
        const prompt = String(posted['prompt']).trim();
        const cut = prompt.slice(0, Math.min(kept, Math.max(0, prompt.length - 1))).trimEnd();
        if (cut === prompt) return;
        for (const shown of [cut, `${cut}…`, `${cut}...`, `${cut} [truncated]`])
          expect(compareInput({ ...posted, prompt }, { ...posted, prompt: shown }, mini)).not.toBe('other');
      }),
    );
  });

  it('is like another the other way round too, where both were POSTed in full', () => {
    fc.assert(
      fc.property(posts, posts, (one, other) => {
        const isSame = compareInput(one, other, mini) === 'same';
        expect(compareInput(other, one, mini) === 'same').toBe(isSame);
      }),
    );
  });
});
