import { UserError } from '../shared/base/errors.ts';
import type { Model } from '../shared/models/model.ts';
import type { Registry } from '../shared/models/registry.ts';
import type { EnqueueOptions } from './enqueue-options.ts';
import { commandWith, type ListCommand } from './list-command.ts';

/** A catalog has pictures of the default model that ended, and the list is to be made with the default of today. */
export interface ModelChoice {
  readonly ended: Model;
  readonly model: Model;
  readonly command: ListCommand;
  readonly list: string | undefined;
  readonly options: EnqueueOptions;
  readonly registry: Registry;
}

export function endedSentence({ ended, model }: Pick<ModelChoice, 'ended' | 'model'>): string {
  return `This catalog has pictures of ${ended.alias}, which ended on ${ended.ends?.date ?? ''}; the default is ${model.alias} now, and would make all of them again.`;
}

/** Nobody can be asked, and `--yes` does not choose. Throws a `UserError` (`choose_model`) with both commands. */
export function refuseToChoose({ ended, model, command, list, options, registry }: ModelChoice): never {
  const both = [model, ended].map(({ alias }) =>
    commandWith({ model: alias }, command, list, options, registry),
  );
  throw new UserError(
    'choose_model',
    `${endedSentence({ ended, model })} Nothing was queued. To make them with ${model.alias}: ${both[0] ?? ''}. To keep them, for as long as fal answers: ${both[1] ?? ''}. For all lists and schedules: DEFAULT_MODEL.`,
  );
}
