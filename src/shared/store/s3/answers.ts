/**
 * A 2xx that is not what S3 promises for this call: a page of a proxy or a cache, half an answer. It says nothing about
 * what the store holds. `message`: completes "S3 answered 200 with …".
 */
export class GarbledAnswer extends Error {
  /** The SDK's mark of what it may repeat at once, like a 5xx. */
  readonly $retryable = {};

  constructor(what: string, options?: ErrorOptions) {
    super(what, options);
    this.name = 'GarbledAnswer';
  }
}

/**
 * Every S3 store says which bytes it wrote or read. A page that something else put in its place does not. May be empty:
 * Ceph's gateway sends it so at the end of an upload in parts.
 */
export function assertEtag({ ETag }: { readonly ETag?: string | undefined }, what: string): void {
  if (ETag === undefined) throw new GarbledAnswer(`${what} without an ETag`);
}
