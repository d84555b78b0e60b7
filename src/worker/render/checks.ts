import type { ExpectedPicture } from '../../shared/models/expected.ts';
import { type Finding, PictureError } from '../../shared/pictures/formats.ts';
import type { CheckName, Checks } from '../../shared/pictures/recipes.ts';
import type { Measures } from './measures.ts';

/**
 * Where the thresholds come from: photographs (Debian's mate-backgrounds) and defects that are drawn on them, laid side
 * by side by `npm run bench:checks`; docs/recipes.md tells what it found.
 */
const THRESHOLDS = {
  /** Photographs had 13 and more, much blurred ones 7; faded out to nearly nothing, at most 2. */
  minSpread: 4,
  /** Less than this share of the picture is nothing. */
  minOpaque: 0.005,
  minPurity: 0.98,
  minFill: 0.3,
  maxFill: 0.98,
} as const;

/** Never to be published, whatever the recipe says. Throws a `PictureError`: `wrong_size` or `no_alpha`. */
export function assertAsAsked(
  picture: { readonly width: number; readonly height: number; readonly isTransparent: boolean },
  { width, height, transparent }: ExpectedPicture,
): void {
  if (width !== undefined && height !== undefined && (picture.width !== width || picture.height !== height)) {
    throw new PictureError(
      'wrong_size',
      `The picture is ${picture.width}×${picture.height} and not ${width}×${height}, as asked.`,
    );
  }
  if (transparent && !picture.isTransparent) {
    throw new PictureError('no_alpha', 'Nothing in the picture is transparent, though that was asked for.');
  }
}

/** What is odd about the picture, by the recipe's checks. */
export function findingsOf(measures: Measures, checks: Checks): Finding[] {
  return ODDITIES.flatMap(({ check, says }) => {
    const level = checks[check];
    const sentence = level === 'off' ? undefined : says(measures);
    return sentence === undefined || level === 'off' ? [] : [{ check, level, says: sentence }];
  });
}

/** What is said of a picture that looks nearly like one of another shot. */
export function nearDuplicateOf(shot: string, level: Finding['level']): Finding {
  return { check: 'near-duplicate', level, says: `it looks nearly like ${shot}` };
}

/** Throws a `PictureError` (`failed_check`) for the findings that the recipe does not let pass. */
export function assertPasses(findings: readonly Finding[]): void {
  const failed = findings.filter(({ level }) => level === 'fail');
  if (failed.length === 0) return;
  const sentences = failed.map(({ check, says }) => `${check}: ${says}`);
  throw new PictureError(
    'failed_check',
    `The recipe does not let the picture pass: ${sentences.join('; ')}.`,
  );
}

const ODDITIES: readonly {
  readonly check: Exclude<CheckName, 'near-duplicate'>;
  readonly says: (measures: Measures) => string | undefined;
}[] = [
  {
    check: 'blank',
    says: ({ spread, opaque }) =>
      opaque < THRESHOLDS.minOpaque
        ? 'nothing is seen in it'
        : spread < THRESHOLDS.minSpread && opaque === 1
          ? 'it is of one colour'
          : undefined,
  },
  {
    check: 'background',
    says: ({ background, purity }) =>
      background === 'scene' || purity >= THRESHOLDS.minPurity
        ? undefined
        : `only ${percent(purity)} of its edge is purely ${background}`,
  },
  {
    check: 'fill',
    says: ({ background, fill }) => {
      if (background === 'scene' || fill === 0) return undefined;
      if (fill < THRESHOLDS.minFill) return `the subject takes ${percent(fill)} of it`;
      return fill > THRESHOLDS.maxFill ? `the subject fills it to the edge (${percent(fill)})` : undefined;
    },
  },
  {
    check: 'clipped',
    says: ({ clipped }) =>
      clipped.length === 0 ? undefined : `the subject is cut at the ${clipped.join(', ')}`,
  },
];

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
