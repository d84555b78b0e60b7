import type { Reply } from './wire.ts';

/**
 * A page of a list that does not say how the list goes on. `no-cursor`: it goes on, but not where. `same-cursor`: for ever
 * at the same place. `no-end`: without a word on it.
 */
export interface PageFault {
  readonly kind: 'no-cursor' | 'same-cursor' | 'no-end';
}

const BENT: Readonly<Record<PageFault['kind'], Readonly<Record<string, unknown>>>> = {
  'no-cursor': { has_more: true, next_cursor: null },
  'same-cursor': { has_more: true, next_cursor: Buffer.from('1').toString('base64') },
  'no-end': { has_more: undefined, next_cursor: undefined },
};

export function isPageFault(fault: { readonly kind: string }): fault is PageFault {
  return fault.kind in BENT;
}

export function bendPage({ kind }: PageFault, reply: Reply): Reply {
  const body: unknown = JSON.parse(String(reply.body));
  return { ...reply, body: JSON.stringify({ ...Object(body), ...BENT[kind] }) };
}
