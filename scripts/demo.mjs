// The main job on examples/catalog.csv: for real money with FAL_KEY, else with the simulator. Brings what it needs.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentFor } from './setup/child-env.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** `run`'s exit code for "some shots failed". */
const SOME_FAILED = 2;

process.exitCode = await demo();

async function demo() {
  for (const script of ['setup.mjs', 'build.mjs']) {
    const code = await node([join(root, 'scripts', script)], environmentFor('fetch'));
    if (code !== 0) return code;
  }
  const simulate = (process.env.FAL_KEY ?? '').trim() === '';
  const env = simulate ? simulatedEnvironment() : { ...process.env, CONFIRM_OVER_USD: '0' };
  console.log(
    simulate
      ? 'No FAL_KEY is set: fal is simulated, nothing is paid. `FAL_KEY=… npm run demo` makes the same list for real.'
      : 'FAL_KEY is set: these pictures cost money. The price is shown first, and nothing is sent before you agree.',
  );
  const args = ['run', 'examples/catalog.csv', ...(simulate ? ['--simulate'] : [])];
  const code = await node([join(root, 'dist/cli/main.js'), ...args], env);
  if (code !== SOME_FAILED) return code;
  console.log('One prompt of the demo list is refused by fal on purpose: to see how a failure is told.');
  return 0;
}

/** Simulated work must never touch a real bucket or Redis; the command refuses it, so these are left out. */
function simulatedEnvironment() {
  const { S3_BUCKET, REDIS_URL, ...rest } = process.env;
  const left = Object.entries({ S3_BUCKET, REDIS_URL }).filter(([, value]) => (value ?? '') !== '');
  if (left.length > 0) {
    console.log(
      `${left.map(([name]) => name).join(' and ')} left aside: a simulated run keeps to its own folder.`,
    );
  }
  return { ...rest, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };
}

/** Resolves with the exit code. The terminal sends Ctrl-C to the child as well; this process only waits for its end. */
function node(args, env) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, env, stdio: 'inherit' });
    const onInterrupt = () => {
      // On a terminal the child has it already, and a second one would mean "at once".
      if (!process.stdin.isTTY) child.kill('SIGINT');
    };
    const onTerminate = () => child.kill('SIGTERM');
    process.on('SIGINT', onInterrupt);
    process.on('SIGTERM', onTerminate);
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      process.off('SIGINT', onInterrupt);
      process.off('SIGTERM', onTerminate);
      resolve(code ?? (signal === 'SIGINT' ? 130 : 1));
    });
  });
}
