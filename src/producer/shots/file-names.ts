import { UserError } from '../../shared/base/errors.ts';
import {
  comparable,
  compileNames,
  defaultName,
  type NamedFile,
  type NamedRow,
  type NameTemplate,
  namesFault,
} from '../../shared/pictures/file-names.ts';
import type { Recipe } from '../../shared/pictures/recipes.ts';
import type { RowFault } from '../list/fault.ts';
import { IdSet } from './id-set.ts';

export interface NameJudgeDeps {
  /** `--names`, over what a recipe says. */
  readonly names: string | undefined;
  /** By their names in the plan. */
  readonly recipes: ReadonlyMap<string, Pick<Recipe, 'names' | 'renditions'>>;
  readonly place?: Place;
}

/** How a fault speaks of a row; default: by its line. */
type Place = (line: number) => string;

export interface JudgedRow extends NamedRow {
  /** From 1. */
  readonly line: number;
  readonly recipe: string;
  readonly variants: number;
}

/**
 * The template that names the row's files, undefined where they have the default names; or what is wrong. Remembers
 * the names that it has seen: 16 bytes each.
 */
export type NameJudge = (row: JudgedRow) => { readonly names: string | undefined } | RowFault;

/**
 * Judges the names of a whole batch before any of its files exists: each can be a name, and no two are the same,
 * ignoring case. Names that hold the hash of their file's content cannot meet but where the files are the same. Where
 * no template is in sight there is nothing to judge: default names never meet. The judge throws a `UserError`
 * (`bad_option`) where `--names` fits no row of a recipe, and a RangeError for a template that `compileNames` refuses,
 * which is to be asked first.
 */
export function createNameJudge({
  names,
  recipes,
  place = (line) => `line ${line}`,
}: NameJudgeDeps): NameJudge | undefined {
  if (names === undefined && [...recipes.values()].every((recipe) => recipe.names === undefined))
    return undefined;
  const compiled = new Map<string, NameTemplate>();
  const seen = new IdSet();
  const fits = new Set<string>();

  function compile(text: string): NameTemplate {
    const known = compiled.get(text);
    if (known !== undefined) return known;
    const template = compileNames(text);
    if ('fault' in template) throw new RangeError(`names that nobody looked at: ${template.fault}`);
    compiled.set(text, template);
    return template;
  }

  return (row) => {
    const recipe = recipes.get(row.recipe);
    const text = names ?? recipe?.names;
    const template = text === undefined ? undefined : compile(text);
    if (names !== undefined && recipe !== undefined && !fits.has(row.recipe)) {
      const unfit = namesFault(names, recipe.renditions);
      if (unfit !== undefined)
        throw new UserError(
          'bad_option',
          `--names "${names}" does not fit the recipe ${row.recipe}: ${unfit}.`,
        );
      fits.add(row.recipe);
    }
    const nameOf = template?.ofRow(row);
    const fault = (sentence: string): RowFault =>
      names === undefined
        ? { line: row.line, column: undefined, sentence: `the names of recipe ${row.recipe}: ${sentence}` }
        : { line: row.line, column: '--names', sentence };
    const ofRow = new Map<string, NamedFile>();
    for (let index = 0; index < row.variants; index += 1) {
      for (const rendition of recipe?.renditions ?? []) {
        const file = { index, rendition, sha256: undefined };
        const named = nameOf?.(file) ?? { ok: true as const, name: defaultName(row.shot, file) };
        if (!named.ok) return fault(named.fault);
        if (template?.hashed === true) continue;
        const key = comparable(named.name);
        const twin = ofRow.get(key);
        if (twin !== undefined) return fault(twinSentence(named.name, twin, file));
        ofRow.set(key, file);
        const earlier = seen.add(key, row.line);
        if (earlier !== undefined) return fault(meetSentence(named.name, place(earlier), place(row.line)));
      }
    }
    return { names: text };
  };
}

function twinSentence(name: string, a: NamedFile, b: NamedFile): string {
  if (a.index === b.index)
    return `"${name}" would be the name of two renditions, ${a.rendition.name} and ${b.rendition.name}; add {{rendition}}`;
  return `"${name}" would be the name of two pictures of this row, ${a.index} and ${b.index}; add {{index}}`;
}

function meetSentence(name: string, a: string, b: string): string {
  return `"${name}" would be the name of a file of ${a} and of ${b}, and upper and lower case are one to many disks; add what tells them apart, another column or {{hash}}`;
}
