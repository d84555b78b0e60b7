import {
  CHECK_NAMES,
  type CheckName,
  type Checks,
  type Recipe,
  type Rendition,
} from '../../shared/pictures/recipes.ts';

/** A recipe in words, one line a rendition: what `recipe check` says. */
export function recipeWords({ renditions, provenance, names, rights, checks }: Recipe): string[] {
  const lines = renditions.map((one) => `${one.name}: ${renditionWords(one)}`);
  if (renditions.length === 0) lines.push('no renditions: the original alone is kept');
  if (names !== undefined) lines.push(`The files are called ${names}.`);
  lines.push(
    provenance === 'label'
      ? 'Every file says that a model made it.'
      : 'No file says that a model made it; it is taken only with --allow-unlabelled.',
  );
  const owner = Object.values(rights).filter((one) => one !== undefined);
  if (owner.length > 0) lines.push(`Every file also says: ${owner.join('; ')}.`);
  return [...lines, ...checkWords(checks)];
}

/** The checks that do more than warn, or less. */
function checkWords(checks: Checks): string[] {
  const at = (level: Checks[CheckName]) => CHECK_NAMES.filter((name) => checks[name] === level).join(', ');
  const failing = at('fail');
  const off = at('off');
  return [
    ...(failing === '' ? [] : [`A picture that does not pass one of these checks fails: ${failing}.`]),
    ...(off === '' ? [] : [`Not looked at: ${off}.`]),
  ];
}

function renditionWords(rendition: Rendition): string {
  const { format, trim, padding, sharpen, watermark, background } = rendition;
  const parts = [
    format,
    sizeWords(rendition),
    ...(padding > 0 ? [`${percent(padding)} free on each side`] : []),
    ...(trim === undefined ? [] : [`plain margins are cut first (up to ${trim} apart)`]),
    ...(background === undefined ? [] : [`on ${background}`]),
    ...(format === 'png' ? ['lossless'] : qualityWords(rendition)),
    ...(sharpen === undefined ? [] : [`sharpened (${sharpen})`]),
    ...(watermark === undefined
      ? []
      : [
          `${watermark.image} at the ${watermark.place}, ${percent(watermark.width)} wide, ${percent(watermark.opacity)} opaque`,
        ]),
  ];
  return parts.join(', ');
}

function sizeWords({ fit, width, height }: Rendition): string {
  const size = `${width ?? 'any'} × ${height ?? 'any'}`;
  switch (fit) {
    case 'inside':
      return width === undefined && height === undefined ? 'the size of the picture' : `at most ${size}`;
    case 'cover':
      return `${size}, the edges cut to that shape`;
    case 'contain':
      return `exactly ${size}, the whole picture in the middle`;
    case 'frame':
      return `${size}, the whole picture in the middle; smaller in that shape where the picture is`;
  }
}

function qualityWords(rendition: Exclude<Rendition, { format: 'png' }>): string[] {
  const { quality, maxBytes, minQuality } = rendition;
  return maxBytes === undefined
    ? [`quality ${quality}`]
    : [`quality ${quality} down to ${minQuality} for at most ${maxBytes.toLocaleString('en')} bytes`];
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
