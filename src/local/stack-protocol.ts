import type { Socket } from 'node:net';
import { z } from 'zod';

/** What the processes that share a local stack and its supervisor say to each other: one JSON object a line. */

/** The name of the numbered address files in the stack's folder. */
export const STACK_FILE = 'stack';

/** Where the supervisor is. In a file of this user alone, since the token opens everything. */
export const addressSchema = z.object({
  pid: z.number(),
  port: z.number(),
  token: z.string(),
  /** Set at the very end: Redis has ended, the folder is free. */
  closed: z.boolean(),
});
export type StackAddress = z.infer<typeof addressSchema>;

export const helloSchema = z.object({ token: z.string(), simulate: z.boolean() });

const falSchema = z.object({
  queueUrl: z.string(),
  apiUrl: z.string(),
  mediaHosts: z.array(z.string()).readonly(),
  key: z.string(),
  adminKey: z.string(),
});
export type LocalFal = z.infer<typeof falSchema>;

export const answerSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), redisUrl: z.string(), fal: falSchema.optional() }),
  z.object({ kind: z.literal('failed'), code: z.string(), message: z.string() }),
  /** Came as the last one left: try again once it is gone. */
  z.object({ kind: z.literal('closing') }),
]);
export type StackAnswer = z.infer<typeof answerSchema>;

/** Longer than any honest line; a stranger on the port cannot fill the memory. */
const LONGEST_LINE = 64 * 1024;

export function sendLine(socket: Socket, value: unknown): void {
  if (socket.writable) socket.write(`${JSON.stringify(value)}\n`);
}

/** Parses a line that came from outside; undefined when it is not what it should be. */
export function parseLine<T>(schema: z.ZodType<T>, line: string): T | undefined {
  try {
    return schema.parse(JSON.parse(line));
  } catch {
    return undefined; // a stranger, or a file cut short: never an answer
  }
}

/** Calls back with the first line, once. */
export function onFirstLine(socket: Socket, call: (line: string) => void): void {
  let text = '';
  const collect = (chunk: Buffer) => {
    text += chunk.toString('utf8');
    const end = text.indexOf('\n');
    if (end === -1 && text.length < LONGEST_LINE) return;
    socket.off('data', collect);
    socket.resume();
    call(end === -1 ? '' : text.slice(0, end));
  };
  socket.on('data', collect);
}
