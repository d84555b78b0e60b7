import { attributeOf, type ListOptions } from '../producer/shots/options.ts';
import type { MicroUsd } from '../shared/base/money.ts';
import type { Registry } from '../shared/models/registry.ts';
import type { Recipe } from '../shared/pictures/recipes.ts';

/** How a list is planned and queued. */
export interface EnqueueOptions {
  readonly prompt?: string;
  readonly batch?: string;
  readonly template?: string;
  readonly model?: string;
  readonly variants?: string;
  readonly recipe?: string;
  readonly allowUnlabelled?: true;
  /** The template of the files' names. */
  readonly names?: string;
  readonly ignore?: readonly string[];
  readonly cap?: MicroUsd;
  readonly priority: number;
  /** Rows that run first, while the others wait for a user's word on them. */
  readonly proof?: number;
  readonly prune?: true;
  /** So often at most a picture that fails a check is made again. */
  readonly regenerate?: number;
  /** Where the webhook of its end goes. */
  readonly onDone?: string;
  /** With `--dry-run` alone: what the whole list may cost, at the best quality. */
  readonly fit?: MicroUsd;
  readonly simulate?: true;
  /** What a schedule holds in place of the files that were named when it was added. */
  readonly resolved?: { readonly template?: string; readonly recipe?: Recipe };
  /** By the attribute names of the model inputs' flags. */
  readonly [input: string]: unknown;
}

export function listOptionsOf(args: EnqueueOptions, registry: Registry): ListOptions {
  const { model, template, variants, names, ignore } = args;
  const inputs: Record<string, string> = {};
  for (const input of registry.models.flatMap((one) => one.inputs)) {
    const value = args[attributeOf(input.flag)];
    if (value !== undefined) inputs[input.name] = String(value);
  }
  return {
    ...(model === undefined ? {} : { model }),
    ...(template === undefined ? {} : { template }),
    ...(variants === undefined ? {} : { variants }),
    ...(names === undefined ? {} : { names }),
    ...(ignore === undefined ? {} : { ignore }),
    inputs,
  };
}
