import { UserError } from '../../shared/base/errors.ts';
import type { InputValue } from '../../shared/models/model.ts';
import { shotKeyOf } from '../../shared/store/keys.ts';
import type { Shot } from './shot.ts';

/** A hash of the bytes at an address. */
export type HashOf = (url: string) => Promise<string>;

/**
 * The shot key of one take of a shot. `hashOf` is asked only for a model with image inputs; rejects with a `UserError`
 * where one of them cannot be read.
 */
export async function takeKeyOf(shot: Shot, take: number, hashOf: HashOf): Promise<string> {
  const options: Record<string, InputValue> = {};
  for (const input of shot.model.inputs) {
    const value = shot.values[input.name];
    if (value === undefined) continue;
    if (input.type === 'image')
      options[input.name] = await imageHash(shot, input.name, String(value), hashOf);
    else if (input.changesPicture) options[input.name] = value;
  }
  return shotKeyOf({ id: shot.id, model: shot.model.endpoint, prompt: shot.prompt, options, take });
}

async function imageHash({ line, id }: Shot, column: string, url: string, hashOf: HashOf): Promise<string> {
  try {
    return await hashOf(url);
  } catch (thrown) {
    throw new UserError(
      'image_unreadable',
      `line ${line}, column ${column}: the image of ${JSON.stringify(id)} cannot be read; check its address. Nothing was queued.`,
      { cause: thrown },
    );
  }
}
