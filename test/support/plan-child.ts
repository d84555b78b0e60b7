import { writeSync } from 'node:fs';
import { startPlanChild } from '../../src/producer/child/plan-child.ts';
import type { RowFault } from '../../src/producer/list/fault.ts';
import { type RawRow, readRows } from '../../src/producer/list/list.ts';

/**
 * The process of a list in tests: the real one, but for lists that do to it what a list can do at worst. A list is
 * named `<fault>.csv`; any other name is read as it should be.
 */
const faults: Readonly<Record<string, () => unknown>> = {
  loop: () => {
    for (;;);
  },
  hoard: () => {
    const hoard: number[][] = [];
    for (;;) hoard.push(new Array<number>(10_000).fill(hoard.length));
  },
  buffers: () => {
    const hoard: Buffer[] = [];
    for (;;) hoard.push(Buffer.alloc(1_048_576, 1));
  },
  silence: () => new Promise(() => setInterval(() => undefined, 1_000)),
  crash: () => process.kill(process.pid, 'SIGSEGV'),
  killed: () => process.kill(process.pid, 'SIGKILL'),
  leaves: () => process.exit(0),
  bug: () => {
    throw new RangeError('Invalid string length');
  },
  babbles: () => writeSync(1, '{"kind":"shot","id":"a"}\n'),
  endless: async () => {
    for (;;) await new Promise((resolve) => process.stdout.write('x'.repeat(65_536), resolve));
  },
  // Says that all is well with a list of which it has read nothing.
  skips: () => {
    writeSync(1, '{"kind":"default-rows","rows":0}\n');
    process.exit(0);
  },
};

startPlanChild({
  async *read(bytes, form): AsyncGenerator<RawRow | RowFault> {
    const name = form.name.split('.')[0] ?? '';
    await faults[name]?.();
    if (name === 'environment')
      yield { line: 1, columns: { id: 'a', prompt: Object.keys(process.env).join(' ') } };
    else yield* readRows(bytes, form);
  },
});
