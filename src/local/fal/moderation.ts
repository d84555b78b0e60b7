import type { Endpoint, Input } from './endpoints.ts';
import { modelFailure, type Outcome, policyViolation } from './outcome.ts';

/** Prompts with one of these words are accepted, run and refused, as fal's content checker does; never billed here. */
const REFUSED_WORDS = /\b(blood|bloody|gore|nude|naked|corpse)\b/i;

/** What the run of this input comes to when nothing goes wrong at fal. */
export function judge(endpoint: Endpoint, input: Input): Outcome {
  const issues = endpoint.issues(input);
  if (issues.length > 0) return modelFailure(422, issues);
  // OpenAI answers 400 to this pair (FAL.md).
  if (input['background'] === 'transparent' && input['output_format'] === 'jpeg') {
    const msg = 'Transparent background is not supported for jpeg output format.';
    return modelFailure(400, [{ loc: ['body'], msg, type: 'bad_request', input }]);
  }
  const prompt = input['prompt'];
  if (typeof prompt === 'string' && REFUSED_WORDS.test(prompt)) return policyViolation(prompt);
  return { kind: 'pictures' };
}
