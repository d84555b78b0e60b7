// `npm run chaos -- --points` or `-- --seed TEXT --minutes M`: breaks the program on purpose (test/chaos/, docs/guarantees.md).
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentFor } from './setup/child-env.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// A run starts hundreds of processes: compiled before, each takes half the time to start. A folder for each call, so
// that sources may change, and another call may begin, meanwhile.
const built = join(root, `dist.chaos-${randomBytes(4).toString('hex')}`);
process.on('exit', () => rmSync(built, { recursive: true, force: true }));

if (!compile()) {
  console.error('The harness did not compile.');
  process.exit(1);
}
// What the program looks for beside its own folder.
for (const name of ['recipes', 'presets', 'docs', '.shotlist'])
  if (existsSync(join(root, name))) symlinkSync(join(root, name), join(built, name));

const child = spawn(process.execPath, [join(built, 'test/chaos/main.js'), ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...environmentFor('tests'), AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => {
  process.exitCode = code ?? 130;
});

function compile() {
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status } = spawnSync(
    process.execPath,
    [tsc, '-p', join(root, 'tsconfig.chaos.json'), '--outDir', built],
    { cwd: root, env: environmentFor('program'), stdio: ['ignore', 'inherit', 'inherit'] },
  );
  return status === 0;
}
