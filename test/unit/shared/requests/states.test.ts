import { readFile } from 'node:fs/promises';
import { describe, expect, it } from '@jest/globals';
import {
  AT_REST,
  allows,
  CLAIMING,
  holdsClaims,
  isAtRest,
  STATES,
  type State,
  TRANSITIONS,
  type Transition,
  type TransitionName,
} from '../../../../src/shared/requests/states.ts';

const page = await readFile(new URL('../../../../docs/states.md', import.meta.url), 'utf8');
const rows: readonly (readonly [string, Transition])[] = Object.entries(TRANSITIONS);
const edges = rows.flatMap(([name, row]) => row.from.map((from) => ({ name, row, from })));

const isTransitionName = (name: string): name is TransitionName => name in TRANSITIONS;

/** A record as money sees it. */
interface Node {
  readonly state: State;
  readonly money: 'none' | 'reserved' | 'booked';
}

describe('the page of the states', () => {
  it('has the table row by row as the code has it', () => {
    const said = page
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .map((line) =>
        line
          .split('|')
          .slice(1, -1)
          .map((cell) => cell.trim().replaceAll('`', '')),
      );
    const coded = rows.map(([name, { from, to, money, needs, meaning }]) => [
      name,
      from.join(', '),
      to,
      money,
      needs,
      meaning,
    ]);
    expect(said).toEqual(coded);
  });

  it('draws every transition, and no other', () => {
    const drawn = [...page.matchAll(/^ {4}(\w+) --> (\w+): (\w+)$/gm)].map(([, from, to, name]) => ({
      from,
      to,
      name,
    }));
    expect(drawn).toEqual(edges.map(({ name, row, from }) => ({ from, to: row.to, name })));
    const ends = [...page.matchAll(/^ {4}(\w+) --> \[\*\]$/gm)].map(([, from]) => from);
    expect(ends).toEqual([...AT_REST]);
    expect(page).toContain('[*] --> planned');
  });
});

describe('the table of transitions', () => {
  it('reaches every state from planned', () => {
    expect(new Set([...reached()].map(({ state }) => state))).toEqual(new Set(STATES));
  });

  it('leaves no way out of a state at rest but by a user or a paid picture that comes, and one out of every other', () => {
    const revives = ['retry', 'rerender', 'refetch'];
    const byItself = edges.filter(({ name, from }) => !(revives.includes(name) && isAtRest(from)));
    for (const state of STATES) {
      const out = byItself.filter(({ from, row }) => from === state && row.to !== state);
      expect({ state, leaves: out.length > 0 }).toEqual({ state, leaves: !isAtRest(state) });
    }
  });

  it('lets every state come to rest', () => {
    const resting = new Set<State>(AT_REST);
    for (let before = 0; before < resting.size; ) {
      before = resting.size;
      for (const { from, row } of edges) if (resting.has(row.to)) resting.add(from);
    }
    expect(resting).toEqual(new Set(STATES));
  });

  it('says in `allows` what its rows say', () => {
    for (const [name, row] of rows) {
      if (!isTransitionName(name)) throw new Error(`${name} is no transition.`);
      for (const state of STATES) expect(allows(name, state)).toBe(row.from.includes(state));
    }
  });

  it('submits only what is claimed and reserved', () => {
    for (const { state, money } of reached()) {
      if (state === 'submitting' || state === 'unknown')
        expect({ state, money }).toEqual({ state, money: 'reserved' });
    }
    for (const { row } of edges) if (row.money === 'take') expect(holdsClaims(row.to)).toBe(true);
  });

  it('needs a running batch for what leads to a POST, and for nothing else', () => {
    const needing = rows.filter(([, { needs }]) => needs === 'running').map(([name]) => name);
    expect(needing).toEqual(['reserve', 'confirm']);
  });

  it('never takes a second reservation, and ends every one in a release or a booking', () => {
    for (const { state, money } of reached()) {
      if (!holdsClaims(state)) expect({ state, money }).not.toEqual({ state, money: 'reserved' });
    }
    expect(CLAIMING).not.toContain('planned');
  });

  it('never goes back to planned with what is booked', () => {
    for (const { state, money } of reached()) {
      if (state === 'planned' || state === 'submitting' || state === 'unknown')
        expect(money).not.toBe('booked');
    }
  });
});

/** Every state with every standing of its money that the table, and the two conditions on the page, can lead to. */
function reached(): ReadonlySet<Node> {
  const seen = new Map<string, Node>();
  const open: Node[] = [{ state: 'planned', money: 'none' }];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const key = `${node.state} ${node.money}`;
    if (seen.has(key)) continue;
    seen.set(key, node);
    for (const { name, row, from } of edges) {
      if (from === node.state && conditionHolds(name, node))
        open.push({ state: row.to, money: after(name, row, node) });
    }
  }
  return new Set(seen.values());
}

/** Condition 1 of docs/states.md, which the script checks beside the table. */
function conditionHolds(name: string, { money }: Node): boolean {
  if (name === 'store') return money === 'booked';
  if (name === 'refetch') return money !== 'reserved';
  if (name === 'rerun' || name === 'lose' || name === 'withdraw') return money !== 'booked';
  return true;
}

function after(name: string, { money }: Transition, node: Node): Node['money'] {
  // A person's new try is paid for by itself; what was booked for the last one stays spent.
  if (name === 'retry') return 'none';
  // The step sets what the request has cost, also where Redis had forgotten it.
  if (name === 'refetch') return 'booked';
  switch (money) {
    case 'take':
      return 'reserved';
    case 'book':
      return 'booked';
    case 'release':
      return node.money === 'booked' ? 'booked' : 'none';
    case 'keep':
      return node.money;
  }
}
