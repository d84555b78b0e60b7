/** What a worker may do. */
export const ROLES = ['generate', 'collect', 'render', 'schedule'] as const;
export type Role = (typeof ROLES)[number];

/** What `run` does for its batch; it is nobody's clock, so that a run by hand starts nothing else. */
export const RUN_ROLES = ['generate', 'collect', 'render'] as const satisfies readonly Role[];
