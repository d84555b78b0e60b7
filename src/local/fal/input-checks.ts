import type { Issue } from './outcome.ts';

/** The checks that fal's endpoints share, with the words of its validation errors. */
export type Input = Readonly<Record<string, unknown>>;

const MAX_PROMPT_CHARACTERS = 32_000;

export function countOf(input: Input): number {
  return typeof input['num_images'] === 'number' ? input['num_images'] : 1;
}

export function text(value: unknown, fallback = ''): string {
  return typeof value === 'string' ? value : fallback;
}

export function promptIssues(input: Input): Issue[] {
  const prompt = input['prompt'];
  if (prompt === undefined) return [issue('prompt', 'Field required', 'missing', input)];
  if (typeof prompt !== 'string')
    return [issue('prompt', 'Input should be a valid string', 'string_type', prompt)];
  if (prompt.trim() === '')
    return [issue('prompt', 'String should have at least 1 character', 'string_too_short', prompt)];
  if (prompt.length <= MAX_PROMPT_CHARACTERS) return [];
  const limit = `String should have at most ${MAX_PROMPT_CHARACTERS} characters`;
  return [issue('prompt', limit, 'string_too_long', prompt)];
}

export function optionIssues(input: Input, name: string, allowed: readonly string[]): Issue[] {
  const value = input[name];
  if (value === undefined || (typeof value === 'string' && allowed.includes(value))) return [];
  const quoted = allowed.map((option) => `'${option}'`);
  const expected = `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1) ?? ''}`;
  return [issue(name, `Input should be ${expected}`, 'literal_error', value)];
}

export function countIssues(input: Input, most: number): Issue[] {
  const count = input['num_images'];
  if (count === undefined) return [];
  if (!Number.isInteger(count))
    return [issue('num_images', 'Input should be a valid integer', 'int_type', count)];
  if (Number(count) < 1)
    return [issue('num_images', 'Input should be greater than or equal to 1', 'greater_than_equal', count)];
  if (Number(count) <= most) return [];
  return [issue('num_images', `Input should be less than or equal to ${most}`, 'less_than_equal', count)];
}

export function issue(name: string, msg: string, type: string, input: unknown): Issue {
  return { loc: ['body', name], msg, type, input };
}
