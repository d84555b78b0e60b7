/** What a user chooses by its name, beside what models and recipes say. Loaded with every command. */

/** What a worker may do. */
export const ROLES = ['generate', 'collect', 'render', 'schedule'] as const;
export type Role = (typeof ROLES)[number];

/** What `run` does for its batch; it is nobody's clock, so that a run by hand starts nothing else. */
export const RUN_ROLES = ['generate', 'collect', 'render'] as const satisfies readonly Role[];

export const GROUPINGS = ['batch', 'day', 'shot', 'quality', 'size', 'model'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export const PRESET_NAMES = ['shopify', 'google'] as const;
export type PresetName = (typeof PRESET_NAMES)[number];

export const OVERLAPS = ['skip', 'queue'] as const;

/** The most rows that a proof can have: their numbers stand in the head of the batch. */
export const MAX_PROOF_ROWS = 1_000;
