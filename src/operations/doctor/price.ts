import { formatUsd } from '../../shared/base/money.ts';
import type { FalPrice } from '../../shared/fal/account.ts';
import type { Model } from '../../shared/models/model.ts';
import { type Finding, ok, warning } from './check.ts';

/**
 * fal lists the price of one unit, and how many units a picture takes only once it is made. So a unit is compared with
 * the unit that the model file names, else with what the model file has of the same kind: a picture's price, or the step to which a request's total is rounded up.
 */
export function comparePrice(model: Model, price: FalPrice | undefined): Finding {
  const { alias, price: rule } = model;
  if (price === undefined) {
    return warning(
      `fal lists no price of ${alias} in US dollars.`,
      "Compare a request's cost on fal's dashboard with the ledger's.",
    );
  }
  const listed = `fal asks ${formatUsd(price.microUsd)} per unit (${price.unit}) of ${alias}`;
  if (model.billing !== undefined && model.billing.unit === price.unit.trim()) {
    const file = formatUsd(model.billing.microUsdPerUnit);
    if (price.microUsd === model.billing.microUsdPerUnit) return ok(`${listed}, as the model file has it.`);
    return warning(
      `${listed}; the model file has ${file}.`,
      `Correct the price in the model file of ${alias}: estimates and caps follow it.`,
    );
  }
  const isImage = /^(image|picture)s?$/i.test(price.unit.trim());
  const dearest =
    rule.kind === 'flat'
      ? rule.microUsdPerImage
      : Math.max(...rule.tiers.map((tier) => tier.microUsdPerImage));
  const cheapest =
    rule.kind === 'flat'
      ? rule.microUsdPerImage
      : Math.min(...rule.tiers.map((tier) => tier.microUsdPerImage));
  if (isImage) {
    const file =
      cheapest === dearest ? formatUsd(dearest) : `${formatUsd(cheapest)} to ${formatUsd(dearest)}`;
    if (price.microUsd >= cheapest && price.microUsd <= dearest) {
      return ok(`${listed}; the model file has ${file}.`);
    }
    return warning(
      `${listed}; the model file has ${file}.`,
      `Correct the price in the model file of ${alias}: estimates and caps follow it.`,
    );
  }
  const step = rule.roundUpToMicroUsd;
  if (price.microUsd === step) {
    return ok(
      `${listed}, the step to which the model file rounds a request up; how many of them a picture takes shows only in its bill.`,
    );
  }
  return warning(
    `${listed}; the model file rounds a request up to ${formatUsd(step)}, so the two cannot be compared.`,
    "Make one picture, and compare its entry in shotlist ledger with fal's dashboard; a cost above what was reserved stops all submits by itself.",
  );
}
