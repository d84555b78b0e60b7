import type { PlanRow } from '../journal/plan-row.ts';
import type { DeliveredImage } from '../pictures/formats.ts';
import { isOfTake, type Takes } from './takes.ts';

/**
 * A delivered picture, and which take it is of; without `take` it is take 0. `prompt`: the words that made it, where they
 * are not the list's.
 */
export type ShownImage = DeliveredImage & { readonly take?: number; readonly prompt?: string };

/**
 * Puts the takes that count in the place of a row's own pictures. A batch that made its renditions by another recipe
 * than the take's keeps its own until it renders the take itself: the names of its files would change with it.
 */
export async function withTakes(
  { shotKey, recipe, take }: Pick<PlanRow, 'shotKey' | 'recipe' | 'take'>,
  images: readonly DeliveredImage[],
  takes: Pick<Takes, 'has' | 'recordsOf' | 'countingOf'>,
): Promise<readonly ShownImage[]> {
  if (take !== undefined) return images.map((image) => ({ ...image, take }));
  if (images.length === 0 || !takes.has(shotKey)) return images;
  const counting = await takes.countingOf(shotKey);
  const records = await takes.recordsOf(shotKey);
  const wordOf = (image: DeliveredImage) =>
    records.find(({ takeKey, indices }) => isOfTake(image, takeKey) && indices.includes(image.index));
  return images.map((own) => {
    const winner = counting.get(own.index);
    const shown =
      winner === undefined || isOfTake(own, winner.record.takeKey) || winner.record.recipe !== recipe
        ? own
        : winner.image;
    const { take: number = 0, prompt } = wordOf(shown) ?? {};
    return number === 0 ? shown : { ...shown, take: number, ...(prompt === undefined ? {} : { prompt }) };
  });
}

/** The takes that stand for a request whose own pictures failed a check; undefined until there is one of each. */
export async function madeAnew(
  { shotKey, recipe, take }: Pick<PlanRow, 'shotKey' | 'recipe' | 'take'>,
  indices: readonly number[],
  takes: Pick<Takes, 'has' | 'countingOf'>,
): Promise<readonly ShownImage[] | undefined> {
  if (take !== undefined || !takes.has(shotKey)) return undefined;
  const counting = await takes.countingOf(shotKey);
  const images = indices.flatMap((index): ShownImage[] => {
    const { record, image } = counting.get(index) ?? {};
    if (record === undefined || image === undefined || record.recipe !== recipe) return [];
    const { take: number, prompt } = record;
    return [
      {
        ...image,
        ...(number === 0 ? {} : { take: number }),
        ...(prompt === undefined ? {} : { prompt }),
      },
    ];
  });
  return images.length === indices.length ? images : undefined;
}
