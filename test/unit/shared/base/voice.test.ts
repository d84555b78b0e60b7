import { describe, expect, it } from '@jest/globals';
import { createVoice } from '../../../../src/shared/base/voice.ts';
import { logLines } from '../../../support/log-lines.ts';

describe('what repeats', () => {
  it('is logged at once, then at growing intervals with a count, whatever its rate', () => {
    let nowMs = 0;
    const { log, lines } = logLines();
    const voice = createVoice({ log, clock: () => nowMs });
    // A hundred times a second, for five minutes.
    for (; nowMs < 300_000; nowMs += 10) voice.say('warn', 'NOPERM', { queue: 'generate' }, 'worker error');
    const seen = lines.map(({ times, forS }) => ({ times, forS }));
    expect(seen.slice(0, 5)).toEqual([
      { times: undefined, forS: undefined },
      { times: 1_000, forS: 10 },
      { times: 2_000, forS: 30 },
      { times: 4_000, forS: 70 },
      { times: 6_000, forS: 130 },
    ]);
    expect(lines.length).toBeLessThan(10);
    expect(lines[0]).toMatchObject({ level: 40, queue: 'generate', msg: 'worker error' });
  });

  it('is new again after a while of silence, and each kind is counted by itself', () => {
    let nowMs = 0;
    const { log, lines } = logLines();
    const voice = createVoice({ log, clock: () => nowMs });
    voice.say('warn', 'a', {}, 'broke off');
    voice.say('warn', 'b', {}, 'broke off');
    voice.say('warn', 'a', {}, 'broke off');
    expect(lines).toHaveLength(2);
    nowMs = 121_000;
    voice.say('error', 'a', {}, 'broke off');
    expect(lines).toHaveLength(3);
    expect(lines[2]).toEqual({ level: 50, time: expect.any(Number), msg: 'broke off' });
  });
});
