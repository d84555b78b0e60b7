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
  'two-ids-for-a-round': 'the store is not asked whether the round has another id already',
  'adopt-among-rivals': 'with rivals of equal input, an entry is adopted before all entries can be seen',
  'absent-before-time': 'absence counts as proven as soon as the list answers without the entry',
  'absent-at-own-time':
    'absence counts as proven though one who found an entry of ours has an own one that is not to be seen yet',
  'release-at-lose': 'a request that becomes unknown gives its reservation back',
  'book-without-create-once': 'a ledger entry is appended, not created once by its request id',
  'store-before-book': 'a picture may be stored, and so delivered, before its cost is booked',
  'price-rise-goes-on': 'a cost above its reservation is booked, and the submits go on',
  'ignore-claims': 'two live requests may ask for the same image',
  'no-witness': 'nobody asks, before a submit, whether Redis has forgotten something',
  'own-steps-only': 'a process knows its own steps alone, and so not what Redis forgot of one that has ended',
  'lost-before-the-look':
    'Redis forgets steps that no other process has seen yet, and one goes on before the next look (two seconds)',
  'old-mark':
    'Redis forgets what came after the last mark (a minute), and every process that knew it has ended',
  'rebuild-plans-anew': 'a rebuild plans an intent without an end anew',
  'rebuild-reuses-rounds': 'a rebuild goes on in the last round that it sees',
  'rebuild-reuses-epochs':
    'a rebuild counts epochs from zero, and a run’s round is not looked at, which covers it',
  'rebuild-goes-on-when-replaced':
    'a rebuild that another has replaced, or whose Redis was lost meanwhile, still writes',
  'rebuild-forgets-reservations': 'a rebuild reserves nothing for what may have been sent',
  'rebuild-claims-for-one': 'of two requests in doubt that want one picture, one alone has it claimed',
  'retry-in-the-same-round': 'what a person wants tried again goes on in the round that failed',
  'pay-for-existing': 'a request whose images exist in part asks for all of them',
  'no-round-check': 'a run may change a record that is in another round than the one it took in hand',
  'keep-lost-id': 'a request that has to give an id up keeps it in Redis',
  'refused-in-silence': 'fal’s final no is not written down as the round’s, before the failure is',
  'witness-at-submits-only':
    'it is asked before a submit, and not when an unknown takes an id or is proven absent',
  'doubt-in-the-next-round': 'a request that a rebuild left in doubt is planned again in the very next round',
  'fail-before-paid-note': 'a request fails for want of its picture before that it is paid is noted',
  'damaged-before-paid-note': 'a picture is marked as damaged before that it is paid is noted',
  'paid-is-nothing': 'what is noted as paid counts as never made',
  'refetch-in-the-next-round': 'a request whose picture is fetched again leaves the round that has fal’s id',
  'adopt-superset': 'an entry that shows all that we POSTed is ours, whatever else it shows',
  'unclear-is-other': 'an entry whose input is hidden or changed counts as another request’s',
  'absent-without-fresh': 'a list that shows nothing of later proves an absence',
  'adopt-without-fresh':
    'past T an entry is adopted among rivals though the list may have stood still since before',
  'adopt-past-unclear': 'past T an entry is adopted though an earlier one may be ours',
  'own-id-is-explained':
    'an id that another run of the same round has just written down counts as explained, and not as ours',
  'absent-without-faithful': 'a list that does not tell inputs apart proves an absence',
  'rivals-by-whole-input':
    'rivals are those of equal input, though of two inputs one may be a part of the other',
  'lag-above-margin': 'fal’s list is later than the margin',
  'margin-below-longest-run': 'the margin covers neither the longest run nor the lag of fal’s list',
  'rebuild-trusts-the-last-intent':
    'a rebuild takes the last intent for the one under way, whoever wrote it, and leaves the rounds before it open',
  'count-outside-the-step': 'a failure is counted in a step of its own, after the record’s',
  'hold-not-in-the-step': 'the batch is held in a step of its own, after the failure that comes to the limit',
  'resume-keeps-the-count': 'a resume of the batch keeps its count of failures',
  'lift-lets-all-go': 'once the stop of an endpoint is lifted all go at once',
  'broke-fails-the-row': 'fal’s word that the account is empty fails the row',
  'gone-endpoint-fails-the-row': 'fal’s word that an endpoint is not there fails the row',
} as const;

export type Mutation = keyof typeof MUTATIONS;

/** Some show after a loss of Redis alone, among requests of equal input or of one picture: the explorer looks there. */
export function whereToLook(
  mutation: Mutation,
): 'everywhere' | 'equal input' | 'one picture' | 'parts' | 'failing together' {
  switch (mutation) {
    case 'rivals-by-whole-input':
    case 'absent-without-faithful':
    case 'adopt-superset':
      return 'parts';
    case 'own-steps-only':
    case 'lost-before-the-look':
    case 'old-mark':
    case 'rebuild-reuses-epochs':
    case 'rebuild-claims-for-one':
      return 'one picture';
    case 'no-round-check':
    case 'two-ids-for-a-round':
    case 'keep-lost-id':
    case 'absent-at-own-time':
    case 'adopt-past-unclear':
    case 'own-id-is-explained':
    case 'refused-in-silence':
    case 'doubt-in-the-next-round':
    case 'rebuild-trusts-the-last-intent':
    case 'witness-at-submits-only':
      return 'equal input';
    case 'count-outside-the-step':
    case 'hold-not-in-the-step':
    case 'resume-keeps-the-count':
    case 'gone-endpoint-fails-the-row':
    case 'broke-fails-the-row':
    case 'lift-lets-all-go':
      return 'failing together';
    default:
      return 'everywhere';
  }
}
