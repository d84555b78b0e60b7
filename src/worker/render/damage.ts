import { PictureError } from '../../shared/pictures/formats.ts';

/** An original that was kept whole, and that cannot be decoded. */
export interface Damage {
  readonly index: number;
  readonly originalKey: string;
  readonly sha256: string;
  readonly failure: { readonly code: string; readonly message: string };
}

/** The bytes of an original are at fault, and not what the recipe makes of them. */
export class DamagedError extends Error {
  readonly damage: Damage;

  constructor(damage: Damage, options: ErrorOptions) {
    super(damage.failure.message, options);
    this.name = 'DamagedError';
    this.damage = damage;
  }
}

/** Rejects with a `DamagedError` where the bytes themselves cannot be decoded. */
export async function decoded<T>(of: Omit<Damage, 'failure'>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof PictureError)) throw error;
    const { code, message } = error;
    if (code !== 'unreadable_picture' && code !== 'wrong_format') throw error;
    throw new DamagedError({ ...of, failure: { code, message } }, { cause: error });
  }
}
