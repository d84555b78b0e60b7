/** Hue in degrees, saturation and lightness in percent. */
export interface Colour {
  readonly hue: number;
  readonly saturation: number;
  readonly lightness: number;
}

const colour = (hue: number, saturation: number, lightness: number): Colour => ({
  hue,
  saturation,
  lightness,
});

const BY_WORD: readonly (readonly [RegExp, Colour])[] = [
  [/\b(cobalt|royal blue)\b/i, colour(222, 68, 44)],
  [/\b(navy|indigo|midnight)\b/i, colour(224, 44, 28)],
  [/\b(sage|moss|olive)\b/i, colour(92, 20, 50)],
  [/\b(forest|emerald|racing green)\b/i, colour(148, 34, 32)],
  [/\b(rust|terracotta|brick|copper)\b/i, colour(14, 56, 46)],
  [/\b(ochre|mustard|saffron)\b/i, colour(40, 62, 48)],
  [/\b(cognac|chestnut|tan|caramel|amber|leather)\b/i, colour(25, 55, 42)],
  [/\b(walnut|brown|oak|wood|wooden)\b/i, colour(28, 34, 40)],
  [/\b(brass|gold|golden)\b/i, colour(44, 54, 52)],
  [/\b(oat|cream|ivory|natural|beige|sand|linen|ash)\b/i, colour(38, 34, 76)],
  [/\b(white|chalk|porcelain)\b/i, colour(40, 12, 88)],
  [/\b(graphite|charcoal|black|ebony)\b/i, colour(220, 8, 24)],
  [/\b(steel|silver|grey|gray|slate)\b/i, colour(214, 10, 58)],
  [/\b(clear|glass|crystal)\b/i, colour(190, 26, 74)],
  [/\b(red|crimson|scarlet|burgundy)\b/i, colour(356, 60, 46)],
  [/\b(pink|rose|blush)\b/i, colour(342, 54, 68)],
  [/\b(orange|tangerine)\b/i, colour(26, 78, 54)],
  [/\b(yellow|lemon)\b/i, colour(50, 76, 56)],
  [/\b(green|mint)\b/i, colour(140, 36, 48)],
  [/\b(teal|turquoise|petrol)\b/i, colour(182, 46, 40)],
  [/\b(blue|denim|sky)\b/i, colour(212, 52, 52)],
  [/\b(purple|violet|lilac|lavender)\b/i, colour(272, 36, 56)],
];

/** The colour that the prompt names first, or one that `choice` (0 to 255) picks. */
export function colourOf(prompt: string, choice: number): Colour {
  let first: { at: number; colour: Colour } | undefined;
  for (const [words, named] of BY_WORD) {
    const at = prompt.search(words);
    if (at >= 0 && (first === undefined || at < first.at)) first = { at, colour: named };
  }
  return first?.colour ?? colour(Math.round((choice * 360) / 256), 46, 54);
}
