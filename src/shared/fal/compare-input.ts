import type { Model } from '../models/model.ts';

/** `same`: fal was asked for just this. `other`: certainly for something else. `unclear`: what fal shows cannot tell. */
export type Likeness = 'same' | 'other' | 'unclear';

export type Input = Readonly<Record<string, unknown>>;

/** What a comparison asks of a model file. */
export interface ComparedModel {
  readonly prompt: Pick<Model['prompt'], 'input'>;
  readonly images: Pick<Model['images'], 'input'>;
  readonly inputs: readonly { readonly name: string; readonly falDefault?: unknown }[];
}

/** A request whose id fal answered to its POST: what was POSTed, and what fal's list shows of it. */
export interface Control {
  readonly posted: Input;
  readonly shown: unknown;
}

export interface Comparison {
  readonly likeness: Likeness;
  /** The fields that we POSTed and fal certainly shows otherwise. */
  readonly differs: readonly string[];
}

/**
 * Whether an input that fal's history shows is the one that we POSTed. Nobody has documented how fal shows an input, so
 * only certainty counts: `same` and `other` are certain, all else is `unclear`. `controls` tell what fal fills in.
 */
export function compareInput(
  posted: Input,
  shown: unknown,
  model: ComparedModel,
  controls: readonly Control[] = [],
): Likeness {
  return comparison(posted, shown, model, controls).likeness;
}

/** The same, with the fields that differ. A field that is certainly different decides, whatever the others show. */
export function comparison(
  posted: Input,
  shown: unknown,
  model: ComparedModel,
  controls: readonly Control[] = [],
): Comparison {
  if (!isObject(shown)) return { likeness: 'unclear', differs: [] };
  const differs: string[] = [];
  let unclear = false;
  for (const [name, value] of Object.entries(posted)) {
    const likeness = alike(value, fieldOf(shown, name), name === model.prompt.input);
    if (likeness === 'other') differs.push(name);
    else if (likeness === 'unclear') unclear = true;
  }
  if (differs.length > 0) return { likeness: 'other', differs };
  for (const { name, falDefault } of inputsOf(model)) {
    const value = fieldOf(shown, name);
    if (Object.hasOwn(posted, name) || value === undefined || value === null) continue;
    const isFilledIn =
      (falDefault !== undefined && isSame(falDefault, value)) ||
      controls.some((control) => !Object.hasOwn(control.posted, name) && isShownBy(control, name, value));
    if (!isFilledIn) unclear = true;
  }
  return { likeness: unclear ? 'unclear' : 'same', differs };
}

/** Unicode NFC, line ends as LF, no white space at the ends: what a service may change in a text on its way. */
export function canonicalText(text: string): string {
  return text.normalize('NFC').replaceAll('\r\n', '\n').trim();
}

/** An address by scheme, host and path, without what signs it; undefined where the text is none. */
export function canonicalAddress(text: string): string | undefined {
  if (/^data:/i.test(text)) return text;
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, host, pathname } = new URL(text);
  return `${protocol}//${host}${pathname}`;
}

/** An input as fal shows it, with no query that may sign an address. */
export function withoutSignatures(shown: unknown): unknown {
  if (typeof shown === 'string') return /[?#]/.test(shown) ? (canonicalAddress(shown) ?? shown) : shown;
  if (Array.isArray(shown)) return shown.map(withoutSignatures);
  if (!isObject(shown)) return shown;
  return Object.fromEntries(Object.entries(shown).map(([name, value]) => [name, withoutSignatures(value)]));
}

/** The prompt as it is compared; undefined where there is none. Inputs that are the same have the same one. */
export function canonicalPrompt(
  input: unknown,
  { prompt }: Pick<ComparedModel, 'prompt'>,
): string | undefined {
  const value = isObject(input) ? fieldOf(input, prompt.input) : undefined;
  return typeof value === 'string' ? canonicalText(value) : undefined;
}

/** Unicode characters of the prompt, as it is compared. */
export function promptLength(input: Input, model: Pick<ComparedModel, 'prompt'>): number {
  return [...(canonicalPrompt(input, model) ?? '')].length;
}

function alike(ours: unknown, theirs: unknown, isPrompt: boolean): Likeness {
  if (theirs === undefined || theirs === null) return 'unclear';
  if (Array.isArray(ours)) {
    if (!Array.isArray(theirs)) return 'unclear';
    if (ours.length !== theirs.length) return 'other';
    return worst(ours.map((one: unknown, at) => alike(one, theirs[at], isPrompt)));
  }
  if (isObject(ours)) {
    if (!isObject(theirs)) return 'unclear';
    const further = Object.keys(theirs).some((name) => !Object.hasOwn(ours, name));
    const fields = Object.entries(ours).map(([name, value]) => alike(value, fieldOf(theirs, name), isPrompt));
    return worst([...fields, further ? 'unclear' : 'same']);
  }
  if (typeof ours === 'string') return likenessOfText(ours, theirs, isPrompt);
  const value = asTypeOf(ours, theirs);
  if (value === undefined) return 'unclear';
  return value === ours ? 'same' : 'other';
}

function likenessOfText(ours: string, theirs: unknown, isPrompt: boolean): Likeness {
  // A text that is a number, or a truth value, may come back as one.
  if (typeof theirs === 'number' || typeof theirs === 'boolean') {
    const value = asTypeOf(theirs, ours);
    if (value === undefined) return 'unclear';
    return value === theirs ? 'same' : 'other';
  }
  if (typeof theirs !== 'string') return 'unclear';
  const [a, b] = [canonicalText(ours), canonicalText(theirs)];
  if (a === b) return 'same';
  // A prompt that looks like an address is a prompt.
  const [address, their] = isPrompt ? [] : [canonicalAddress(a), canonicalAddress(b)];
  if (address !== undefined && address === their) return 'same';
  if (isShortening(b, a) || (address !== undefined && isShortening(b, address))) return 'unclear';
  if (address !== undefined && their !== undefined && hostOf(address) !== hostOf(their)) return 'unclear';
  return 'other';
}

/** What services put where they cut a text. */
const MARKS = /\[truncated\]|\(truncated\)|<truncated>|\[\.\.\.\]|\[…\]|…|\.{2,}/gi;

/** Half a character, as a cut by bytes leaves it. */
const HALVES = /^[\udc00-\udfff\ufffd]+|[\ud800-\udbff\ufffd]+$/g;

/**
 * Whether a text may be what is left of ours: the beginning of it, or its beginning and its end around one mark. In the
 * decomposed form, since a cut may fall between a letter and its accent.
 */
function isShortening(theirText: string, ourText: string): boolean {
  const [theirs, ours] = [theirText.normalize('NFD'), ourText.normalize('NFD')];
  if (ours.startsWith(theirs.replace(HALVES, ''))) return true;
  for (const { 0: mark, index } of theirs.matchAll(MARKS)) {
    const start = theirs.slice(0, index).trimEnd().replace(HALVES, '');
    const end = theirs
      .slice(index + mark.length)
      .trimStart()
      .replace(HALVES, '');
    if (start.length + end.length < ours.length && ours.startsWith(start) && ours.endsWith(end)) return true;
  }
  return false;
}

/** A number or truth value that came back as a text counts as what it says; undefined where it says neither. */
function asTypeOf(ours: unknown, theirs: unknown): unknown {
  if (typeof theirs === typeof ours) return theirs;
  if (typeof theirs !== 'string') return undefined;
  const text = theirs.trim();
  if (typeof ours === 'number')
    return /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
  if (typeof ours === 'boolean') return text === 'true' ? true : text === 'false' ? false : undefined;
  return undefined;
}

function isSame(ours: unknown, theirs: unknown): boolean {
  return alike(ours, theirs, false) === 'same';
}

function isShownBy({ shown }: Control, name: string, value: unknown): boolean {
  const theirs = isObject(shown) ? fieldOf(shown, name) : undefined;
  return theirs !== undefined && theirs !== null && isSame(theirs, value);
}

function worst(all: readonly Likeness[]): Likeness {
  if (all.includes('other')) return 'other';
  return all.includes('unclear') ? 'unclear' : 'same';
}

/** Every input that the endpoint has, by the model's file. */
function inputsOf({ prompt, images, inputs }: ComparedModel): ComparedModel['inputs'] {
  return [{ name: prompt.input }, { name: images.input }, ...inputs];
}

const hostOf = (address: string): string => (URL.canParse(address) ? new URL(address).host : '');

function fieldOf(input: Input, name: string): unknown {
  return Object.hasOwn(input, name) ? input[name] : undefined;
}

function isObject(value: unknown): value is Input {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
