import { shown } from '../../shared/base/text.ts';
import { IdSet } from './id-set.ts';

/**
 * Letters that most fonts draw like others. The few of Unicode's confusables.txt that keyboards and spreadsheets put
 * into ids; a library of all of them would warn of honest ids, too.
 */
const LETTERS: readonly (readonly [string, string])[] = [
  // Cyrillic
  ['\u0410\u0412\u0421\u0415\u041d\u0406\u0408\u041a\u041c\u041e', 'ABCEHIJKMO'],
  ['\u0420\u0405\u0422\u0425\u0423\u0430\u0441\u0435\u0456\u0458', 'PSTXYaceij'],
  ['\u043e\u0440\u0455\u0445\u0443\u04bb\u0501\u051b\u051d\u04cf', 'opsxyhdqwl'],
  // Greek
  ['\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f', 'ABEZHIKMNO'],
  ['\u03a1\u03a4\u03a5\u03a7\u03b1\u03b9\u03bd\u03bf\u03c1\u03c5', 'PTYXaivopu'],
];
const MARKS: readonly (readonly [string, string])[] = [
  ['\u2010\u2011\u2012\u2013\u2014\u2015\u2212', '-------'],
  ['\u2019\u02bc\u2032', "'''"],
];
const LIKE = new Map(
  [...LETTERS, ...MARKS].flatMap(([from, to]) =>
    [...from].map((one, at): [string, string] => [one, to.charAt(at)]),
  ),
);

const PLAIN = /^[\x20-\x7e]*$/;
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;
/** Those that no script or emoji needs: joiners and variation selectors are written on purpose. */
const NEEDLESS = /(?!\u200c|\u200d|\ufe0e|\ufe0f)[\p{Cf}\p{Default_Ignorable_Code_Point}]/u;
const FOREIGN = `[${LETTERS.map(([from]) => from).join('')}]`;
const MIXED = new RegExp(`\\p{Script=Latin}${FOREIGN}|${FOREIGN}\\p{Script=Latin}`, 'u');

/** The same text for all ids that look the same. Idempotent. */
function lookOf(id: string): string {
  if (PLAIN.test(id)) return id;
  let look = '';
  for (const one of id.normalize('NFC').replace(INVISIBLE, '')) look += LIKE.get(one) ?? narrow(one);
  return look;
}

/** A letter of full width, or another blank, as the keyboard has it. */
function narrow(one: string): string {
  const code = one.charCodeAt(0);
  if (code >= 0xff01 && code <= 0xff5e) return String.fromCharCode(code - 0xfee0);
  return /\p{Zs}/u.test(one) ? ' ' : one;
}

/**
 * Finds ids that look like another id of the list, and are another one: both are paid for. Keeps 16 bytes of each id that
 * has such a character, and nothing of the others.
 */
export class LookAlikes {
  readonly #ids: Pick<IdSet, 'find'>;
  readonly #looks = new IdSet();
  #isEmpty = true;
  #pairs = 0;
  #odd = 0;
  #firstPair: string | undefined;
  #firstOdd: string | undefined;

  /** `ids`: those of the list so far, also the one that is looked at. */
  constructor(ids: Pick<IdSet, 'find'>) {
    this.#ids = ids;
  }

  add(id: string, line: number): void {
    const look = lookOf(id);
    if (look === id.normalize('NFC')) {
      const earlier = this.#isEmpty ? undefined : this.#looks.find(look);
      if (earlier !== undefined) this.#pair(earlier, line, look);
      return;
    }
    const earlier = this.#ids.find(look) ?? this.#looks.find(look);
    this.#looks.add(look, line);
    this.#isEmpty = false;
    if (earlier !== undefined) this.#pair(earlier, line, look);
    else if (NEEDLESS.test(id) || MIXED.test(id)) {
      this.#odd += 1;
      this.#firstOdd ??= `first on line ${line}: ${shown(look)} with ${oddOf(id)}`;
    }
  }

  /** At most one sentence of pairs, and one of ids that have no like in this list. */
  warnings(): readonly string[] {
    const said: string[] = [];
    if (this.#firstPair !== undefined)
      said.push(
        `${rows(this.#pairs)} ids that look like another row's, ${this.#firstPair}. They are different shots, and each is paid for; write one id the same way everywhere.`,
      );
    if (this.#firstOdd !== undefined)
      said.push(
        `${rows(this.#odd)} ids with invisible letters or letters of another alphabet, ${this.#firstOdd}. A list that writes such an id in plain letters pays for its pictures again; correct it.`,
      );
    return said;
  }

  #pair(earlier: number, line: number, look: string): void {
    this.#pairs += 1;
    this.#firstPair ??= `first those on lines ${earlier} and ${line}: ${shown(look)}`;
  }
}

function rows(count: number): string {
  return count === 1 ? '1 row has' : `${count.toLocaleString('en')} rows have`;
}

/** The characters that make the id odd, by their code points. */
function oddOf(id: string): string {
  const odd = [...id].filter((one) => NEEDLESS.test(one) || (MIXED.test(id) && LIKE.has(one)));
  return [...new Set(odd.map(codePointOf))].slice(0, 3).join(', ');
}

function codePointOf(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
