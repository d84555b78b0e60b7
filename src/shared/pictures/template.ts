import { nearest } from '../base/nearest.ts';
import { shown, shownNames } from '../base/text.ts';

/** `{{name}}` and `{{name|default}}` over a row's columns. */
export interface Template {
  /** The columns that it names. */
  readonly names: readonly string[];
  /**
   * Fills it in; a `fault` says which column is missing or empty, or that the text has more than `maxCharacters`. It is
   * then not filled in further. Values are put in as they are, not read again.
   */
  render(columns: Readonly<Record<string, string>>, maxCharacters: number): Rendered;
}

/** Of one template. */
export const MAX_PLACEHOLDERS = 1_000;

export type Rendered =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly fault: string };

type Piece = string | { readonly name: string; readonly otherwise: string | undefined };

/** Compiles a template; a `{{` without its `}}`, or without a name, is a fault. */
export function compileTemplate(text: string): Template | { readonly fault: string } {
  const pieces: Piece[] = [];
  let placeholders = 0;
  let from = 0;
  for (let open = text.indexOf('{{'); open !== -1; open = text.indexOf('{{', from)) {
    const close = text.indexOf('}}', open);
    if (close === -1) return { fault: 'a "{{" has no "}}"; write {{column}} or {{column|default}}' };
    const inside = text.slice(open + 2, close);
    const bar = inside.indexOf('|');
    const name = (bar === -1 ? inside : inside.slice(0, bar)).trim();
    if (name === '') return { fault: 'a "{{…}}" names no column; write {{column}} or {{column|default}}' };
    placeholders += 1;
    if (placeholders > MAX_PLACEHOLDERS) {
      return { fault: `it has more than ${MAX_PLACEHOLDERS.toLocaleString('en-US')} "{{…}}"; use fewer` };
    }
    pieces.push(text.slice(from, open), {
      name,
      otherwise: bar === -1 ? undefined : inside.slice(bar + 1).trim(),
    });
    from = close + 2;
  }
  pieces.push(text.slice(from));
  const names = pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.name]));
  return { names, render: (columns, maxCharacters) => renderPieces(pieces, columns, maxCharacters) };
}

function renderPieces(
  pieces: readonly Piece[],
  columns: Readonly<Record<string, string>>,
  maxCharacters: number,
): Rendered {
  let text = '';
  for (const piece of pieces) {
    // A character has at most two UTF-16 units: whoever asked counts exactly below that.
    if (text.length > 2 * maxCharacters) break;
    if (typeof piece === 'string') {
      text += piece;
      continue;
    }
    const value = Object.hasOwn(columns, piece.name) ? columns[piece.name]?.trim() : undefined;
    if (value === undefined && piece.otherwise === undefined) {
      return { ok: false, fault: unknownColumn(piece.name, columns) };
    }
    if (value !== undefined && value !== '') text += value;
    else if (piece.otherwise !== undefined) text += piece.otherwise;
    else
      return {
        ok: false,
        fault: `{{${bare(piece.name)}}} is empty; fill it in, or write {{${bare(piece.name)}|default}}`,
      };
  }
  if (text.length <= 2 * maxCharacters) return { ok: true, text };
  return {
    ok: false,
    fault: `filled in, the text has more than ${maxCharacters.toLocaleString('en-US')} characters; use fewer or shorter columns in it`,
  };
}

function unknownColumn(name: string, columns: Readonly<Record<string, string>>): string {
  const names = Object.keys(columns);
  const near = nearest(name, names);
  const hint = near === undefined ? `the columns are ${shownNames(names)}` : `the nearest is ${bare(near)}`;
  return `{{${bare(name)}}} is no column of this row; ${hint}`;
}

function bare(name: string): string {
  return shown(name).slice(1, -1);
}
