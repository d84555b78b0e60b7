/** Product silhouettes, drawn in a box of 200 by 200 whose floor is y = 200. `url(#body)` is the lit surface. */
export interface Tints {
  readonly dark: string;
  readonly light: string;
  readonly accent: string;
}

type Shape = (tints: Tints) => string;

const mug: Shape = ({ dark }) =>
  `<path d="M132 92C188 84 186 168 128 162" fill="none" stroke="${dark}" stroke-width="15"/>` +
  '<path d="M42 66H136V172Q136 200 110 200H68Q42 200 42 172Z" fill="url(#body)"/>' +
  `<ellipse cx="89" cy="66" rx="47" ry="11" fill="${dark}"/>`;

const bottle: Shape = ({ light, accent }) =>
  '<path d="M82 24H118V52C118 74 142 80 142 108V188Q142 200 130 200H70Q58 200 58 188V108C58 80 82 74 82 52Z" fill="url(#body)"/>' +
  `<rect x="79" y="6" width="42" height="24" rx="5" fill="${accent}"/>` +
  `<rect x="58" y="122" width="84" height="46" fill="${light}"/><rect x="72" y="138" width="56" height="4" fill="${accent}"/><rect x="82" y="149" width="36" height="3" fill="${accent}"/>`;

const vase: Shape = ({ dark }) =>
  '<path d="M78 14H122C114 52 158 78 158 128C158 172 132 200 100 200C68 200 42 172 42 128C42 78 86 52 78 14Z" fill="url(#body)"/>' +
  `<ellipse cx="100" cy="14" rx="22" ry="5" fill="${dark}"/>`;

const box: Shape = ({ dark, light, accent }) =>
  `<path d="M100 62L182 40V162L100 200Z" fill="${dark}"/><path d="M18 40L100 62V200L18 162Z" fill="url(#body)"/>` +
  `<path d="M18 40L100 18L182 40L100 62Z" fill="${light}"/><path d="M52 49L134 27L148 31L66 53V100L52 95Z" fill="${accent}" opacity=".75"/>`;

const tote: Shape = ({ dark, light }) =>
  `<path d="M68 92C66 12 134 12 132 92" fill="none" stroke="${dark}" stroke-width="9"/>` +
  `<path d="M42 82H158L168 194Q168 200 162 200H38Q32 200 32 194Z" fill="url(#body)"/><circle cx="100" cy="140" r="24" fill="${light}" opacity=".8"/>`;

const tee: Shape = ({ dark }) =>
  '<path d="M70 22L36 38L6 86L40 106L52 90V192Q100 200 148 192V90L160 106L194 86L164 38L130 22C120 42 80 42 70 22Z" fill="url(#body)"/>' +
  `<path d="M70 22C80 42 120 42 130 22" fill="none" stroke="${dark}" stroke-width="6"/>`;

const lamp: Shape = ({ dark, light }) =>
  `<rect x="95" y="90" width="10" height="102" fill="${dark}"/><path d="M52 200C52 184 148 184 148 200Z" fill="${dark}"/>` +
  `<path d="M66 14H134L166 106C130 116 70 116 34 106Z" fill="url(#body)"/><path d="M34 106C70 116 130 116 166 106L164 102C130 110 70 110 36 102Z" fill="${light}"/>`;

const chair: Shape = ({ dark }) =>
  `<path d="M52 118L40 200M148 118L160 200M66 118L72 192M134 118L128 192" stroke="${dark}" stroke-width="9" stroke-linecap="round"/>` +
  '<path d="M52 14Q100 2 148 14L152 92Q100 100 48 92Z" fill="url(#body)"/><path d="M40 98Q100 86 160 98L164 122Q100 134 36 122Z" fill="url(#body)"/>';

const jar: Shape = ({ light, accent, dark }) =>
  '<rect x="46" y="62" width="108" height="138" rx="16" fill="url(#body)"/>' +
  `<rect x="42" y="34" width="116" height="32" rx="7" fill="${dark}"/><rect x="46" y="104" width="108" height="56" fill="${light}"/><rect x="68" y="122" width="64" height="5" fill="${accent}"/><rect x="80" y="136" width="40" height="4" fill="${accent}"/>`;

const plant: Shape = ({ light }) =>
  '<path d="M100 128C60 118 36 74 48 26C82 46 100 84 100 128Z" fill="#5f8f62"/><path d="M100 128C140 112 166 78 158 34C122 48 102 84 100 128Z" fill="#4d7d54"/><path d="M100 128C82 92 84 42 104 6C124 44 122 92 100 128Z" fill="#76a873"/>' +
  `<path d="M46 118H154L142 192Q141 200 133 200H67Q59 200 58 192Z" fill="url(#body)"/><rect x="42" y="112" width="116" height="18" rx="5" fill="${light}"/>`;

const cushion: Shape = ({ dark, light }) =>
  '<path d="M16 36Q100 54 184 36Q170 112 186 196Q100 180 14 196Q30 112 16 36Z" fill="url(#body)"/>' +
  `<path d="M40 64Q100 76 160 64M34 116H166M40 168Q100 156 160 168" fill="none" stroke="${light}" stroke-width="5" opacity=".7"/><circle cx="100" cy="116" r="6" fill="${dark}"/>`;

const shoe: Shape = ({ dark, light }) =>
  '<path d="M14 176V112Q34 128 58 84L108 92C120 124 150 132 178 146Q194 156 190 178Z" fill="url(#body)"/>' +
  `<path d="M10 172H192Q194 200 180 200H24Q10 200 10 188Z" fill="${light}"/><path d="M78 104L104 116M86 98L112 108M70 114L98 126" stroke="${light}" stroke-width="6" stroke-linecap="round"/><path d="M14 112Q34 128 58 84L50 80Q34 104 14 100Z" fill="${dark}"/>`;

const clock: Shape = ({ dark, light }) =>
  `<circle cx="100" cy="104" r="94" fill="url(#body)"/><circle cx="100" cy="104" r="76" fill="${light}"/>` +
  `<path d="M100 104V50M100 104L140 124" stroke="${dark}" stroke-width="8" stroke-linecap="round"/><circle cx="100" cy="104" r="7" fill="${dark}"/>`;

const bowl: Shape = ({ dark }) =>
  '<path d="M14 88H186C186 150 148 196 126 196V200H74V196C52 196 14 150 14 88Z" fill="url(#body)"/>' +
  `<ellipse cx="100" cy="88" rx="86" ry="17" fill="${dark}"/>`;

const book: Shape = ({ dark, light, accent }) =>
  `<path d="M40 26L150 12V188L40 200Z" fill="url(#body)"/><path d="M150 12L164 20V192L150 188Z" fill="${light}"/><path d="M40 26L52 24V199L40 200Z" fill="${dark}"/><path d="M72 66L130 59V74L72 81Z" fill="${accent}"/>`;

const teapot: Shape = ({ dark }) =>
  `<path d="M58 76C56 10 144 10 142 76" fill="none" stroke="${dark}" stroke-width="8"/>` +
  `<path d="M150 118C178 112 176 88 194 80L198 92C190 112 184 148 150 152Z" fill="${dark}"/>` +
  '<path d="M100 74C150 74 170 108 168 138C166 172 140 198 124 198H76C60 198 34 172 32 138C30 108 50 74 100 74Z" fill="url(#body)"/>' +
  `<path d="M66 82C76 66 124 66 134 82Z" fill="${dark}"/><circle cx="100" cy="64" r="9" fill="${dark}"/>`;

const knife: Shape = ({ dark, light }) =>
  '<g transform="rotate(-24 100 150)"><path d="M-24 132H118V172C60 176 6 166 -24 132Z" fill="#c9ced4"/><path d="M-24 132H118V140H-14Z" fill="#aab1b9"/>' +
  `<rect x="112" y="126" width="14" height="46" rx="3" fill="${dark}"/><path d="M124 128H212Q224 130 222 148Q220 162 206 160L124 156Z" fill="url(#body)"/>` +
  `<circle cx="146" cy="143" r="4" fill="${light}"/><circle cx="188" cy="145" r="4" fill="${light}"/></g>`;

const cap: Shape = ({ dark, light }) =>
  '<path d="M24 164C16 84 66 52 104 54C150 56 172 104 166 164Z" fill="url(#body)"/>' +
  `<path d="M20 162C70 148 130 148 166 162C186 164 204 178 200 190C150 172 84 174 30 180Q18 178 20 162Z" fill="${dark}"/>` +
  `<path d="M104 54C92 86 88 124 90 152M104 54C128 84 136 124 136 154" fill="none" stroke="${dark}" stroke-width="3"/><circle cx="104" cy="54" r="6" fill="${light}"/>`;

const headphones: Shape = ({ dark, light }) =>
  `<path d="M34 140C18 -14 182 -14 166 140" fill="none" stroke="${dark}" stroke-width="13"/>` +
  `<path d="M44 92C52 30 148 30 156 92" fill="none" stroke="${light}" stroke-width="5" opacity=".6"/>` +
  '<rect x="14" y="108" width="44" height="84" rx="20" fill="url(#body)"/><rect x="142" y="108" width="44" height="84" rx="20" fill="url(#body)"/>' +
  `<rect x="52" y="116" width="14" height="68" rx="7" fill="${dark}"/><rect x="134" y="116" width="14" height="68" rx="7" fill="${dark}"/>`;

const watch: Shape = ({ dark, light }) =>
  `<path d="M72 0H128L134 62H66ZM66 138H134L128 200H72Z" fill="${dark}"/><circle cx="100" cy="100" r="56" fill="url(#body)"/><circle cx="100" cy="100" r="43" fill="${light}"/>` +
  `<rect x="154" y="92" width="10" height="16" rx="3" fill="${dark}"/><path d="M100 100V70M100 100L122 112" stroke="${dark}" stroke-width="6" stroke-linecap="round"/>`;

const BY_WORD: readonly (readonly [RegExp, Shape])[] = [
  [/\b(mug|cup|tea ?cup|espresso|coffee)s?\b/i, mug],
  [/\b(t-?shirt|tee|shirt|hoodie|sweater|jumper|jacket|dress|coat|apron|towel)s?\b/i, tee],
  [/\b(shoe|sneaker|trainer|boot|sandal|slipper)s?\b/i, shoe],
  [/\b(tote|bag|backpack|handbag|purse|basket)s?\b/i, tote],
  [/\b(lamp|lantern|lampshade)s?\b/i, lamp],
  [/\b(chair|stool|armchair|sofa|bench)(es|s)?\b/i, chair],
  [/\b(candle|jar|honey|jam|tin|can)s?\b/i, jar],
  [/\b(plant|planter|succulent|fern|flower|pot)s?\b/i, plant],
  [/\b(cushion|pillow|blanket|throw|rug|scarf|linen)s?\b/i, cushion],
  [/\b(teapot|kettle)s?\b/i, teapot],
  [/\b(knife|knives|blade)\b/i, knife],
  [/\b(cap|hat|beanie)s?\b/i, cap],
  [/\b(headphone|earphone|headset)s?\b/i, headphones],
  [/\b(wrist)?watch(es)?\b/i, watch],
  [/\b(clock|timer|coaster|mirror)(es|s)?\b/i, clock],
  [/\b(bowl|plate|dish|pan|tray|board)(es|s)?\b/i, bowl],
  [/\b(book|notebook|journal|planner|wallet|card|poster|print)s?\b/i, book],
  [/\b(vase|carafe|jug|pitcher|decanter)s?\b/i, vase],
  [/\b(bottle|flask|perfume|soap|shampoo|oil|serum|wine)s?\b/i, bottle],
  [/\b(box|crate|package|gift|speaker|toy)(es|s)?\b/i, box],
];

/** The shape that the prompt names first, or one that `choice` picks. */
export function shapeOf(prompt: string, choice: number): Shape {
  let first: { at: number; shape: Shape } | undefined;
  for (const [words, shape] of BY_WORD) {
    const at = prompt.search(words);
    if (at >= 0 && (first === undefined || at < first.at)) first = { at, shape };
  }
  return first?.shape ?? BY_WORD[choice % BY_WORD.length]?.[1] ?? vase;
}
