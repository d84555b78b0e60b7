import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PlanCutter } from '../../shared/journal/plan-chunks.ts';
import { type PlannedRow, packPlanLines } from '../../shared/journal/plan-row.ts';
import { spoolPrefix, sweepSpools } from './spool-sweep.ts';

/** So many chunks are packed and written at once: packing runs beside the reading of the list. */
const WRITES_IN_FLIGHT = 2;
/** It holds prompts. The folder, made by `mkdtemp`, is this user's alone too. */
const FILE = { mode: 0o600 };

/**
 * A plan that is being made, as files of packed chunks in a folder of its own, so that a list of any length is planned
 * in flat memory. Disposing removes the folder.
 */
export class Spool implements AsyncDisposable {
  readonly #folder: string;
  #lines: string[] = [];
  #planned: PlannedRow[] = [];
  #chunkCount = 0;
  readonly #cutter = new PlanCutter();
  readonly #writes: Promise<void>[] = [];

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** `parent` must exist. What dead processes left there is removed. */
  static async create(parent: string): Promise<Spool> {
    await sweepSpools(parent);
    return new Spool(await mkdtemp(join(parent, spoolPrefix())));
  }

  /** Chunks begun so far; all of them are readable after `finish`. */
  get chunkCount(): number {
    return this.#chunkCount;
  }

  /** As a head has them. */
  get chunkStarts(): readonly number[] | undefined {
    return this.#cutter.starts;
  }

  /** Takes a plan row as JSON, and its requests once more; resolves when there is room for more. */
  async add(line: string, planned: PlannedRow): Promise<void> {
    if (this.#cutter.begins(line) && this.#lines.length > 0) await this.#flush();
    this.#lines.push(line);
    this.#planned.push(planned);
  }

  async finish(): Promise<void> {
    if (this.#lines.length > 0) await this.#flush();
    await Promise.all(this.#writes.splice(0));
  }

  /** The packed bytes of one chunk. */
  read(chunk: number): Promise<Buffer> {
    return readFile(this.#pathOf(chunk));
  }

  /** The requests of one chunk, without prompts and columns: to unpack and check all of these again is what costs time. */
  async requests(chunk: number): Promise<readonly PlannedRow[]> {
    const text = await readFile(this.#requestsPathOf(chunk), 'utf8');
    // Written by this very object, in a folder of its own.
    return JSON.parse(text) as PlannedRow[];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A write that fails has been told to whoever waited for it, or nobody wants the plan any more.
    await Promise.allSettled(this.#writes.splice(0));
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #flush(): Promise<void> {
    const lines = this.#lines;
    const planned = this.#planned;
    this.#lines = [];
    this.#planned = [];
    const write = this.#write(this.#chunkCount, lines, planned);
    this.#chunkCount += 1;
    // Awaited below or in finish(); until then a failure must not count as unhandled.
    write.catch(() => undefined);
    this.#writes.push(write);
    if (this.#writes.length >= WRITES_IN_FLIGHT) await this.#writes.shift();
  }

  async #write(chunk: number, lines: readonly string[], planned: readonly PlannedRow[]): Promise<void> {
    await writeFile(this.#requestsPathOf(chunk), JSON.stringify(planned), FILE);
    await writeFile(this.#pathOf(chunk), await packPlanLines(lines), FILE);
  }

  #requestsPathOf(chunk: number): string {
    return join(this.#folder, `${chunk}.requests.json`);
  }

  #pathOf(chunk: number): string {
    return join(this.#folder, `${chunk}.jsonl.gz`);
  }
}
