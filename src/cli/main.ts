#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { messageOf, UnavailableError, UserError } from '../shared/base/errors.ts';
import { systemClock } from '../shared/base/time.ts';
import { redisRefusal, refusalSentence } from '../shared/redis/refusals.ts';
import { type Context, cleaned, EXIT, type Exit, say } from './context.ts';
import { addOperatorCommands } from './program.ts';

// The SDK warns on Node 20, which this program supports for as long as its parts do.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

/** Whatever hangs (a Redis that is away, a store that does not answer), the process ends within this of a signal. */
const STOP_WITHIN_MS = 1_900;

/** Timers of a worker that was given up go on for some seconds. */
const LEFT_OVER_MS = 500;

const stopping = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The first one parks what is in hand; the second is meant.
    if (stopping.signal.aborted) process.exit(EXIT.interrupted);
    stopping.abort(new Error(signal));
    // Nothing is lost by it: what was not parked is found stalled, as after a crash.
    setTimeout(() => process.exit(EXIT.interrupted), STOP_WITHIN_MS).unref();
  });
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // A reader that has seen enough (`| head`) is no fault.
  if (error.code !== 'EPIPE') throw error;
});

const context: Context = {
  environment: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stopping.signal,
  clock: systemClock,
};

let exit: Exit = EXIT.ok;

function shotlist(): Command {
  return new Command('shotlist')
    .description('Turns a catalog list into finished product pictures, and accounts for every cent.')
    .showHelpAfterError('(add --help for what can be given)')
    .exitOverride();
}

/** Somebody waits for `status`, `pause` or `cancel`: these must not wait for the packages of all other commands. */
async function program(name: string | undefined): Promise<Command> {
  const done = (came: Exit) => {
    exit = came;
  };
  const quick = shotlist();
  addOperatorCommands(quick, context, done);
  if (quick.commands.some((command) => command.name() === name)) return quick;
  const all = shotlist();
  const { addAllCommands } = await import('./all-commands.ts');
  addAllCommands(all, context, done);
  // Not for --help: it loads sharp.
  all.hook('preAction', async () => {
    const { closeLoaders } = await import('../worker/render/loaders.ts');
    closeLoaders();
  });
  return all;
}

try {
  await (await program(process.argv[2])).parseAsync(process.argv);
} catch (error) {
  exit = exitOf(error);
}
// Sockets and children are closed by those who opened them; what is left (after a lost Redis, say) must not hang a script.
process.exitCode = exit;
setTimeout(() => process.exit(exit), LEFT_OVER_MS).unref();

function exitOf(error: unknown): Exit {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.couldNot;
  if (stopping.signal.aborted) return EXIT.interrupted;
  const refusal = error instanceof Error && error.name === 'ReplyError' ? redisRefusal(error) : undefined;
  const expected = error instanceof UserError || error instanceof UnavailableError || refusal !== undefined;
  const told = refusal === undefined ? messageOf(error) : refusalSentence(refusal);
  const text = expected ? told : `${messageOf(error)} (this is a fault of shotlist)`;
  say(context, cleaned(context, text));
  if (!expected && process.env['LOG_LEVEL'] === 'debug' && error instanceof Error) {
    say(context, cleaned(context, error.stack ?? ''));
  }
  return EXIT.couldNot;
}
