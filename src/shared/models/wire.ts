import type { InputValue, Model } from './model.ts';

/** Width and height in pixels, as fal takes and shows a size that is no word. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** One input as it is POSTed. */
export type WireValue = InputValue | Size;

/** Width and height of a size as a list writes it (`1536x1024`); undefined for any other text. */
export function sizeOf(text: string): Size | undefined {
  const match = /^(\d{1,5})x(\d{1,5})$/.exec(text);
  return match === null ? undefined : { width: Number(match[1]), height: Number(match[2]) };
}

/** The size as a list writes it, from the word or the object that fal shows; undefined where it is neither. */
export function sizeWord(shown: unknown): string | undefined {
  if (typeof shown === 'string') return shown;
  if (typeof shown !== 'object' || shown === null) return undefined;
  const { width, height } = shown as { readonly width?: unknown; readonly height?: unknown };
  return typeof width === 'number' && typeof height === 'number' ? `${width}x${height}` : undefined;
}

/** What a list's values are on the wire. */
export function wireValues(
  { inputs }: Pick<Model, 'inputs'>,
  values: Readonly<Record<string, InputValue>>,
): Record<string, WireValue> {
  const sent: Record<string, WireValue> = { ...values };
  for (const { name, wire } of inputs) {
    const value = values[name];
    if (wire === undefined || value === undefined) continue;
    sent[name] = sizeOf(String(value)) ?? value;
  }
  return sent;
}
