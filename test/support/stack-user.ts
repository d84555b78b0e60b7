import { openLocalStack } from '../../src/local/stack.ts';

/**
 * A process that uses a folder's stack: `stack-user.ts FOLDER real|simulate`. Prints the stack's addresses as one line,
 * and gives its lease back when stdin ends.
 */
const [folder, mode] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: stack-user.ts FOLDER real|simulate');
const stack = await openLocalStack({ folder, simulate: mode === 'simulate' });
console.log(JSON.stringify({ redisUrl: stack.redisUrl, fal: stack.fal }));
process.stdin.resume();
process.stdin.on('end', async () => {
  await stack[Symbol.asyncDispose]();
  process.exit(0);
});
