/**
 * Ways to break the protocol on purpose. Each takes one guard away; the explorer must then find a schedule in which
 * money is lost, or its silence about the unbroken protocol would mean nothing.
 */
export const MUTATIONS = {
  'post-again-when-unknown': 'a lost answer counts as a no, and the next round is submitted at once',
  'skip-confirm': 'the POST follows the intent without the last look at the record',
  'no-epoch-check': 'a run that was superseded may still change the record',
  'late-post': 'the 30 s window is not looked at when the POST is sent',
  'adopt-without-create-once': 'an id is taken without asking whether somebody has it',
  'ids-without-round': 'an id taken by an earlier round of the same request counts as ours',
  'take-in-store-first':
    'the id is taken by an object of its own before the record has it, outside the epoch check',
  'adopt-among-rivals': 'with rivals of equal input, an entry is adopted before all entries can be seen',
  'absent-before-time': 'absence counts as proven as soon as the list answers without the entry',
  'release-at-lose': 'a request that becomes unknown gives its reservation back',
  'book-without-create-once': 'a ledger entry is appended, not created once by its request id',
  'store-before-book': 'a picture may be stored, and so delivered, before its cost is booked',
  'ignore-claims': 'two live requests may ask for the same image',
  'pay-for-existing': 'a request whose images exist in part asks for all of them',
} as const;

export type Mutation = keyof typeof MUTATIONS;
