import { z } from 'zod';

/**
 * What a model file may say. A model is data: endpoint, inputs, limits, prices, dates. Adding one means adding a file
 * like it and naming it in `registry.ts`; nothing else in the program knows a model's name, its inputs or its price.
 */

export type InputValue = string | number | boolean;

/** A person's choices by fal's input names. */
export type ModelValues = Readonly<Record<string, InputValue>>;

const scalar = z.union([z.string(), z.number(), z.boolean()]);

const modelInput = z.object({
  /** fal's name of the input, and the list column that sets it. */
  name: z.string().regex(/^[a-z][a-z0-9_]*$/),
  /** `image`: an address whose bytes go to the model; the shot key holds their hash, not the address. */
  type: z.enum(['enum', 'integer', 'boolean', 'string', 'image']),
  /** Of an `enum`: everything that may be written. */
  options: z.array(z.string()).min(1).readonly().optional(),
  /** Of an `integer`. */
  min: z.int().optional(),
  max: z.int().optional(),
  /** Ours, not fal's: what is sent where nobody chose. Without one the input is left out. */
  default: scalar.optional(),
  /** fal's own, by its model card: what its history may show where nothing was sent. Unset: nobody says. */
  falDefault: scalar.optional(),
  /** A row without it is refused. */
  required: z.boolean(),
  /** Part of the shot key: another value is another picture. */
  changesPicture: z.boolean(),
  /** false: left out of the request while it stands at its default. */
  sentAtDefault: z.boolean(),
  /** The command-line option that sets it, without the dashes. */
  flag: z.string().regex(/^[a-z][a-z0-9-]*$/),
  description: z.string(),
  /** How good the picture gets, and what it costs: options in ascending order of price, but for the undecided one. */
  tier: z.literal(true).optional(),
  /** Said once a list where a shot chooses another value than the default. */
  warning: z.string().optional(),
  /**
   * How a size is sent. `width-and-height`: the option `1536x1024` as `{ width: 1536, height: 1024 }`. Without it the
   * option is sent as it is written.
   */
  wire: z.literal('width-and-height').optional(),
});

const when = z.record(z.string(), scalar).readonly();

const microUsd = z.int().min(0);

const priceRule = z.discriminatedUnion('kind', [
  z.object({
    /** Every picture at one price. */
    kind: z.literal('flat'),
    microUsdPerImage: microUsd,
    /** What a request's total is rounded up to; 1: not at all. */
    roundUpToMicroUsd: z.int().min(1),
  }),
  z.object({
    /** Every picture at the price of the first tier that fits, the prompt by its tokens. */
    kind: z.literal('image-tokens'),
    tiers: z
      .array(z.object({ when, microUsdPerImage: microUsd }).readonly())
      .min(1)
      .readonly(),
    /** The option by which a person leaves an input to the model: priced from its cheapest to its dearest value. */
    undecided: z.string(),
    microUsdPerToken: microUsd,
    /**
     * How many tokens a prompt is. `four-a-word`: as the model card says. `bounded`: at least a sixth of its characters,
     * at most the larger of four a word and its UTF-8 bytes, since the tokenizer is not published.
     */
    promptTokens: z.enum(['four-a-word', 'bounded']),
    /** How often a request for n pictures is charged for its prompt: `once`, or n times as n single requests would be. */
    promptCharged: z.enum(['once', 'each-image']),
    roundUpToMicroUsd: z.int().min(1),
  }),
]);

export const modelSchema = z
  .object({
    /** fal's endpoint id: the model's key everywhere, the plan included. */
    endpoint: z.string().regex(/^[a-z0-9-]+(\/[a-zA-Z0-9._-]+)+$/),
    /** The short name a person may write. */
    alias: z.string(),
    description: z.string(),
    prompt: z.object({
      input: z.string(),
      /** Unicode characters, not UTF-16 units. */
      maxCharacters: z.int().min(1),
    }),
    /** What can be seen in a picture of what was asked for. */
    seen: z.object({
      /** The input that holds width and height, as `1024x1024`; any other value expects nothing. */
      size: z.string().optional(),
      /** The values with which a picture must have an alpha channel. */
      transparent: when.optional(),
    }),
    /** The input that says how many pictures one request makes. The planner alone sets it. */
    images: z.object({ input: z.string(), maxPerRequest: z.int().min(1).max(100) }),
    inputs: z.array(modelInput.readonly()).readonly(),
    /** Combinations that the endpoint answers with an error, refused before they cost anything. */
    refusals: z.array(z.object({ when, sentence: z.string() }).readonly()).readonly(),
    price: priceRule,
    /** What fal's price list says of this endpoint, where that is known: the name of a billing unit, and its price. */
    billing: z.object({ unit: z.string(), microUsdPerUnit: microUsd }).readonly().optional(),
    /** From one submit to its result, as reported: where waiting starts before anything was learnt. */
    latency: z.object({ p50Ms: z.int(), p95Ms: z.int(), maxMs: z.int() }),
    /**
     * `date`: the first day without it, from 00:00 UTC on. Warned about, never refused: only fal's answer refuses.
     * `successor`: an endpoint id; where it is a model file, it is the default from that day on.
     */
    ends: z
      .object({ date: z.iso.date(), source: z.string(), successor: z.string().optional() })
      .readonly()
      .optional(),
    /** Facts that a person should know and no code depends on. */
    notes: z.array(z.string()).readonly(),
  })
  .readonly();

export type Model = z.infer<typeof modelSchema>;
export type ModelInput = z.infer<typeof modelInput>;
export type PriceRule = z.infer<typeof priceRule>;

/** Whether every value that `when` names is chosen. */
export function matches(when: ModelValues, values: ModelValues): boolean {
  for (const name in when) if (when[name] !== values[name]) return false;
  return true;
}
