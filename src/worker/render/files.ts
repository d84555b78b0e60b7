import { MalformedError } from '../../shared/base/errors.ts';
import type { PlanRow } from '../../shared/journal/plan-row.ts';
import { compileNames } from '../../shared/pictures/file-names.ts';
import type { Recipe } from '../../shared/pictures/recipes.ts';
import { objectKeys } from '../../shared/store/keys.ts';
import { IMMUTABLE } from '../../shared/store/object-store.ts';
import type { RenderTask } from './processor.ts';

/** A file under the same name may get other bytes, by a change of the recipe or of sharp: shops look again each hour. */
const AN_HOUR = 'public, max-age=3600';

/**
 * Where the files of a row lie. Only what is named by its content is immutable. Throws a `MalformedError` for names
 * that the plan should not have let through.
 */
export function filesOf(
  batch: string,
  row: Pick<PlanRow, 'shot' | 'columns' | 'names'>,
  { renditions }: Pick<Recipe, 'renditions'>,
): Pick<RenderTask, 'renditionKey' | 'cacheControl'> {
  if (row.names === undefined) {
    return {
      renditionKey: (index, { name, extension }) =>
        objectKeys.rendition(batch, row.shot, index, name, extension),
      cacheControl: AN_HOUR,
    };
  }
  const template = compileNames(row.names);
  if ('fault' in template) throw unfit(batch, row, template.fault);
  const nameOf = template.ofRow(row);
  return {
    renditionKey(index, { name, sha256 }) {
      const rendition = renditions.find((one) => one.name === name);
      if (rendition === undefined)
        throw new RangeError(`a file of a rendition that the recipe lacks: ${name}`);
      const named = nameOf({ index, rendition, sha256 });
      if (!named.ok) throw unfit(batch, row, named.fault);
      return objectKeys.named(batch, named.name);
    },
    cacheControl: template.hashed ? IMMUTABLE : AN_HOUR,
  };
}

function unfit(batch: string, { shot }: Pick<PlanRow, 'shot'>, fault: string): MalformedError {
  return new MalformedError(
    `The plan of ${batch} names the files of ${shot} in a way that cannot be: ${fault}.`,
  );
}
