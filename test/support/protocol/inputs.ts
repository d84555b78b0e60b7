import type { ComparedModel, Input } from '../../../src/shared/fal/compare-input.ts';
import type { Intent, RequestPlan } from './world.ts';

/** A model of two inputs: one that fal has a default for, and one that it has none for. */
export const MODEL: ComparedModel = {
  prompt: { input: 'prompt' },
  images: { input: 'n' },
  inputs: [{ name: 'size', falDefault: 'auto' }, { name: 'tone' }],
};

/** How fal's list shows an input. `long-redacted`: a prompt that is too long for it is shown as another text. */
export type Shown =
  | 'posted'
  | 'filled'
  | 'filled-wrongly'
  | 'hidden'
  | 'shortened'
  | 'retyped'
  | 'long-redacted';

export function postedOf({ prompt, options }: RequestPlan, indices: readonly number[]): Input {
  return { prompt, ...options, n: indices.length };
}

export function show(how: Shown, input: Input): unknown {
  const prompt = String(input['prompt']);
  switch (how) {
    case 'posted':
      return input;
    case 'filled':
      return { size: 'auto', ...input };
    case 'filled-wrongly':
      return { tone: 'flat', ...input };
    case 'hidden':
      return null;
    case 'shortened':
      return { ...input, prompt: `${prompt.slice(0, -1)}…` };
    case 'retyped':
      return { ...input, n: String(input['n']) };
    case 'long-redacted':
      return prompt.length > 3 ? { ...input, prompt: '(long)' } : input;
  }
}

/** Whether both ask fal for one picture: what it takes by default counts, said or not. */
export function isSamePicture(one: Input, other: Input): boolean {
  const whole = ({ prompt, n, size = 'auto', tone = 'none' }: Input) =>
    JSON.stringify([prompt, n, size, tone]);
  return whole(one) === whole(other);
}

/** What rivals have in common. */
export function rivalKey({ posted }: Pick<Intent, 'posted'>, by: 'prompt' | 'whole input'): string {
  return by === 'prompt' ? String(posted['prompt']) : JSON.stringify(Object.entries(posted).sort());
}
