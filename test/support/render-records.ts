import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DeliveredImage } from '../../src/shared/pictures/formats.ts';

/** The records of `render-child.ts`: one JSON file a request. */
export interface RenderRecord {
  readonly state: 'generated' | 'rendering' | 'delivered' | 'failed';
  readonly epoch: number;
  /** As the processor counts them: lowered when one is given back. */
  readonly starts: number;
  readonly givenBack: number;
  readonly pid: number;
  readonly images: readonly DeliveredImage[];
  readonly failure: { readonly code: string; readonly message: string } | undefined;
}

export const FRESH: RenderRecord = {
  state: 'generated',
  epoch: 0,
  starts: 0,
  givenBack: 0,
  pid: 0,
  images: [],
  failure: undefined,
};

export function readRecord(folder: string, request: string): RenderRecord {
  // Written by `writeRecord` alone.
  return JSON.parse(readFileSync(join(folder, `${request}.record.json`), 'utf8')) as RenderRecord;
}

export function writeRecord(folder: string, request: string, record: RenderRecord): void {
  const path = join(folder, `${request}.record.json`);
  writeFileSync(`${path}.tmp`, JSON.stringify(record));
  renameSync(`${path}.tmp`, path);
}
