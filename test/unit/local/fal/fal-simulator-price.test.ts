import { describe, expect, it } from '@jest/globals';
import { endpointsOf, type Input } from '../../../../src/local/fal/endpoints.ts';
import { judge } from '../../../../src/local/fal/moderation.ts';

const ID = 'fal-ai/gpt-image-1-mini';
const [SQUARE, OTHER] = ['1024x1024', '1536x1024'];

function model() {
  const endpoint = endpointsOf().get(ID);
  if (endpoint === undefined) throw new Error(`the simulator does not serve ${ID}`);
  return endpoint;
}

/** What a request is billed, rounded up to a cent. */
function centsOf(input: Input): number {
  const { costMicroUsd, unit } = model();
  expect(unit).toEqual({ name: 'cents', priceMicroUsd: 10_000, stepMicroUsd: 10_000 });
  return Math.ceil(costMicroUsd(input) / unit.stepMicroUsd);
}

describe("the simulator's own price list", () => {
  it.each([
    ['low', SQUARE, [1, 2, 2, 3]],
    ['low', OTHER, [1, 2, 2, 3]],
    ['medium', SQUARE, [2, 3, 4, 5]],
    ['medium', OTHER, [2, 4, 5, 7]],
    ['high', SQUARE, [4, 8, 11, 15]],
    ['high', OTHER, [6, 11, 16, 21]],
    ['auto', SQUARE, [4, 8, 11, 15]],
  ])('bills %s at %s as FAL.md says: %j cents for 1 to 4 images', (quality, size, cents) => {
    const units = [1, 2, 3, 4].map((count) =>
      centsOf({ prompt: 'a red mug', quality, image_size: size, num_images: count }),
    );
    expect(units).toEqual(cents);
  });

  it('adds the words of a long prompt before it rounds up', () => {
    // 1,125 words are 4,500 tokens, $0.009: with one medium square image exactly 2 cents; one more word tips it.
    const words = (count: number) => ({
      prompt: Array(count).fill('mug').join(' '),
      quality: 'medium',
      image_size: SQUARE,
    });
    expect(centsOf(words(1_125))).toBe(2);
    expect(centsOf(words(1_126))).toBe(3);
  });

  it('leaves every option out at the default, which is auto', () => {
    expect([4, 6]).toContain(centsOf({ prompt: 'a red mug' }));
  });

  it('takes a flat price for an endpoint that was added', () => {
    const added = endpointsOf({ 'acme/edit': { microUsdPerImage: 40_000, required: ['image_url'] } }).get(
      'acme/edit',
    );
    expect(added?.unit.priceMicroUsd).toBe(40_000);
    expect(added?.costMicroUsd({ prompt: 'x', num_images: 3 })).toBe(120_000);
    expect(added?.issues({ prompt: 'x' }).map((issue) => issue.loc.join('.'))).toEqual(['body.image_url']);
  });
});

describe('what the simulator refuses', () => {
  it.each<[string, Input, number, string]>([
    ['no prompt', {}, 422, 'missing'],
    ['an unknown quality', { prompt: 'x', quality: 'ultra' }, 422, 'literal_error'],
    ['an unknown size', { prompt: 'x', image_size: '512x512' }, 422, 'literal_error'],
    ['five images', { prompt: 'x', num_images: 5 }, 422, 'less_than_equal'],
    ['half an image', { prompt: 'x', num_images: 0.5 }, 422, 'int_type'],
    ['a prompt of 32,001 characters', { prompt: 'x'.repeat(32_001) }, 422, 'string_too_long'],
    [
      'transparent jpeg',
      { prompt: 'x', background: 'transparent', output_format: 'jpeg' },
      400,
      'bad_request',
    ],
    ['a prompt about blood', { prompt: 'a glass of Blood' }, 422, 'content_policy_violation'],
  ])('%s', (_name, input, status, errorType) => {
    expect(judge(model(), input)).toMatchObject({ kind: 'failed', status, errorType });
  });

  it('not a prompt that only contains such a word as part of another', () => {
    expect(judge(model(), { prompt: 'a bloodhound collar' })).toEqual({ kind: 'pictures' });
  });
});
