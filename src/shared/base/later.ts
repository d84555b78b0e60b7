/** Thrown by a step that cannot go on yet: its job comes back after that time, and no attempt is used. */
export class Later extends Error {
  readonly delayMs: number;

  constructor(delayMs: number, why: string) {
    super(why);
    this.name = 'Later';
    this.delayMs = delayMs;
  }
}
