import { gptImage25 } from './gpt-image-2.5.ts';
import type { Model } from './model.ts';

export const model: Model = {
  endpoint: 'openai/gpt-image-2.5/sunburst/text-to-image',
  alias: 'gpt-image-2.5-sunburst',
  description: "OpenAI's most exact image model: text to image, slower at the same price",
  ...gptImage25,
};
