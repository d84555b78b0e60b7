import { shown } from '../../shared/base/text.ts';
import type { Registry } from '../../shared/models/registry.ts';
import type { RawRow } from '../list/list.ts';

const COLUMNS = ['id', 'sku', 'prompt', 'variants', 'model', 'recipe'] as const;

/**
 * Warns once of a column that is nearly called like one that is read (`Quality`, `image size`): it is only carried
 * along, and the shots would be paid for with other options than its writer meant.
 */
export function createColumnHints(registry: Registry, warnings: Set<string>): (raw: RawRow) => void {
  const known = new Set<string>(COLUMNS);
  for (const model of registry.models) for (const input of model.inputs) known.add(input.name);
  const seen = new Set(known);
  return ({ columns }) => {
    for (const name in columns) {
      if (seen.has(name)) continue;
      seen.add(name);
      const plain = name
        .trim()
        .toLowerCase()
        .replace(/[^a-z0-9]+/g, '_');
      if (!known.has(plain)) continue;
      if (/^(id|sku)$/i.test(name) && !Object.hasOwn(columns, plain)) {
        warnings.add(`The column ${shown(name)} is read as "${plain}": it names the products.`);
        continue;
      }
      warnings.add(
        `The column ${shown(name)} is only carried along: the column that is read is called "${plain}".`,
      );
    }
  };
}
