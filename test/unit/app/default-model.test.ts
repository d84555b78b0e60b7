import { describe, expect, it } from '@jest/globals';
import { defaultModelSentence } from '../../../src/cli/output/default-model.ts';
import { defaultModelOf } from '../../../src/shared/models/default-model.ts';
import { createRegistry, defaultRegistry } from '../../../src/shared/models/registry.ts';

const registry = defaultRegistry();
const mini = registry.get('gpt-image-1-mini');
const flare = registry.get('gpt-image-2.5-flare');
const at = (time: string) => Date.parse(time);

describe('the default model', () => {
  it.each([
    ['the last millisecond', '2026-11-30T23:59:59.999Z', 'gpt-image-1-mini', undefined],
    ['the first', '2026-12-01T00:00:00.000Z', 'gpt-image-2.5-flare', 'gpt-image-1-mini'],
    ['a month later', '2027-01-01T00:00:00.000Z', 'gpt-image-2.5-flare', 'gpt-image-1-mini'],
  ])('in %s', (_name, time, alias, ended) => {
    const chosen = defaultModelOf(registry, undefined, at(time));
    expect(chosen.model.alias).toBe(alias);
    expect(chosen.ended?.alias).toBe(ended);
    expect(chosen.by).toBe('shipped');
  });

  it.each(['2026-11-30T00:00:00Z', '2027-01-01T00:00:00Z'])(
    'is what DEFAULT_MODEL names, before and after that day: %s',
    (time) => {
      for (const name of ['gpt-image-1-mini', 'fal-ai/gpt-image-1-mini']) {
        expect(defaultModelOf(registry, name, at(time))).toEqual({
          model: mini,
          by: 'setting',
          ended: undefined,
        });
      }
    },
  );

  it('is refused where DEFAULT_MODEL names none', () => {
    expect(() => defaultModelOf(registry, 'gpt-image-3', 0)).toThrow(/^DEFAULT_MODEL: There is no model/);
  });

  it('stays where the successor has no file, and where two name each other', () => {
    expect(defaultModelOf(createRegistry([mini]), undefined, at('2027-01-01T00:00:00Z')).model).toBe(mini);
    const ends = { date: '2026-12-01', source: 'x', successor: mini.endpoint };
    const circle = createRegistry([mini, { ...flare, ends }]);
    expect(defaultModelOf(circle, undefined, at('2027-01-01T00:00:00Z')).model.alias).toBe(flare.alias);
  });
});

describe('the line of a plan', () => {
  it.each([
    [
      '2026-11-30T23:59:59Z',
      undefined,
      'model: gpt-image-1-mini (the default until 2026-12-01 00:00 UTC, then gpt-image-2.5-flare), $0.005 low, $0.011 medium, $0.036 high a picture of 1024x1024, and its prompt; a request is rounded up to $0.01',
    ],
    [
      '2026-12-01T00:00:00Z',
      undefined,
      'model: gpt-image-2.5-flare (the default since 2026-12-01, when gpt-image-1-mini ended), $0.00588 low, $0.01317 medium, $0.05268 high, $0.09366 xhigh, $0.21072 max a picture of 1024x1024, and its prompt; a request is rounded up to $0.0001',
    ],
    [
      '2026-12-01T00:00:00Z',
      'gpt-image-2.5-sunburst',
      'model: gpt-image-2.5-sunburst (DEFAULT_MODEL), $0.00588 low, $0.01317 medium, $0.05268 high, $0.09366 xhigh, $0.21072 max a picture of 1024x1024, and its prompt; a request is rounded up to $0.0001',
    ],
  ])('at %s with DEFAULT_MODEL %s', (time, named, line) => {
    const nowMs = at(time);
    expect(defaultModelSentence(defaultModelOf(registry, named, nowMs), registry, nowMs)).toBe(line);
  });
});
