import { nearest } from './nearest.ts';

/** `{{name}}` and `{{name|default}}` over a row's columns. */
export interface Template {
  /** The columns that it names. */
  readonly names: readonly string[];
  /** Fills it in; a `fault` says which column is missing or empty. Values are put in as they are, not read again. */
  render(columns: Readonly<Record<string, string>>): Rendered;
}

export type Rendered =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly fault: string };

type Piece = string | { readonly name: string; readonly otherwise: string | undefined };

/** Compiles a template; a `{{` without its `}}`, or without a name, is a fault. */
export function compileTemplate(text: string): Template | { readonly fault: string } {
  const pieces: Piece[] = [];
  let from = 0;
  for (let open = text.indexOf('{{'); open !== -1; open = text.indexOf('{{', from)) {
    const close = text.indexOf('}}', open);
    if (close === -1) return { fault: 'a "{{" has no "}}"; write {{column}} or {{column|default}}' };
    const inside = text.slice(open + 2, close);
    const bar = inside.indexOf('|');
    const name = (bar === -1 ? inside : inside.slice(0, bar)).trim();
    if (name === '') return { fault: 'a "{{…}}" names no column; write {{column}} or {{column|default}}' };
    pieces.push(text.slice(from, open), {
      name,
      otherwise: bar === -1 ? undefined : inside.slice(bar + 1).trim(),
    });
    from = close + 2;
  }
  pieces.push(text.slice(from));
  const names = pieces.flatMap((piece) => (typeof piece === 'string' ? [] : [piece.name]));
  return { names, render: (columns) => renderPieces(pieces, columns) };
}

function renderPieces(pieces: readonly Piece[], columns: Readonly<Record<string, string>>): Rendered {
  let text = '';
  for (const piece of pieces) {
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
        fault: `{{${piece.name}}} is empty; fill it in, or write {{${piece.name}|default}}`,
      };
  }
  return { ok: true, text };
}

function unknownColumn(name: string, columns: Readonly<Record<string, string>>): string {
  const names = Object.keys(columns);
  const near = nearest(name, names);
  const hint =
    near === undefined ? `the columns are ${names.slice(0, 20).join(', ')}` : `the nearest is ${near}`;
  return `{{${name}}} is no column of this row; ${hint}`;
}
