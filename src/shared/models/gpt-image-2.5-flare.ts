import { gptImage25 } from './gpt-image-2.5.ts';
import type { Model } from './model.ts';

export const model: Model = {
  endpoint: 'openai/gpt-image-2.5/flare/text-to-image',
  alias: 'gpt-image-2.5-flare',
  description: "OpenAI's quick image model: text to image",
  ...gptImage25,
};
