import { charactersOf, shown } from '../../shared/base/text.ts';
import type { Model } from '../../shared/models/model.ts';
import { compileTemplate, type Template } from '../../shared/pictures/template.ts';
import type { ShotRow } from './row-reader.ts';

/**
 * A row's own prompt wins over the template of the command line, except where that template uses it. The prompt may
 * itself name columns.
 */
export function readPrompt(
  row: ShotRow,
  model: Model,
  template: Template | { readonly fault: string } | undefined,
  warnings: Set<string>,
): string | undefined {
  if (template !== undefined && 'fault' in template) return row.fault('--template', template.fault);
  const cell = row.cell('prompt');
  const uses = template?.names.includes('prompt') === true;
  let prompt: string | undefined;
  if (cell !== undefined) {
    const own = filledIn(row, cell, model.prompt.maxCharacters);
    if (own === undefined) return undefined;
    prompt = own;
    if (template !== undefined && !uses) {
      warnings.add(
        '--template is not used for rows with a prompt of their own; write {{prompt}} in it to use both.',
      );
    }
  }
  if (template !== undefined && (cell === undefined || uses)) {
    const columns = prompt === undefined ? row.raw.columns : { ...row.raw.columns, prompt };
    const rendered = template.render(columns, model.prompt.maxCharacters);
    if (!rendered.ok) return row.fault('--template', rendered.fault);
    prompt = rendered.text.trim();
  }
  if (prompt === undefined || prompt === '') {
    const sentence = 'the row has no prompt; fill in "prompt", or pass --template "… {{column}} …"';
    return template !== undefined || Object.hasOwn(row.raw.columns, 'prompt')
      ? row.fault('prompt', sentence)
      : row.faultOfList('prompt', sentence);
  }
  const { maxCharacters } = model.prompt;
  const length = charactersOf(prompt);
  if (length <= maxCharacters) return prompt;
  return row.fault(
    cell === undefined ? '--template' : 'prompt',
    `${shown(prompt)} has ${length.toLocaleString('en-US')} characters; ${model.alias} takes ${maxCharacters.toLocaleString('en-US')}`,
  );
}

function filledIn(row: ShotRow, prompt: string, maxCharacters: number): string | undefined {
  if (!prompt.includes('{{')) return prompt;
  const own = compileTemplate(prompt);
  if ('fault' in own) return row.fault('prompt', own.fault);
  if (own.names.includes('prompt')) return row.fault('prompt', 'a prompt cannot name itself');
  const rendered = own.render(row.raw.columns, maxCharacters);
  return rendered.ok ? rendered.text.trim() : row.fault('prompt', rendered.fault);
}
