// `npm test`, or `node scripts/test.mjs unit|docs|integration|chaos|e2e|<path> …`. The last line is `N passed, N failed`.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { environmentFor } from './setup/child-env.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cephScript = join(root, 'scripts/real-s3.sh');
const work = mkdtempSync(join(tmpdir(), 'shotlist-test-run-'));
const selection = process.argv.slice(2);

let stopping = false;
let running;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    stopping = true;
    // A terminal's Ctrl-C reaches jest by itself; a signal sent to this process alone does not.
    running?.kill(signal);
  });
}

let summary = '0 passed, 0 failed';
try {
  process.exitCode = await main();
} finally {
  stopCeph();
  rmSync(work, { recursive: true, force: true });
}
console.log(summary);

async function main() {
  const ceph = wantsCeph() ? await startCeph() : {};
  if (stopping) return 130;
  const report = join(work, 'report.json');
  const code = await jest(report, ceph);
  const result = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
  if (result === undefined) {
    console.error('jest wrote no report.');
    summary = '0 passed, 1 failed';
    return code || 1;
  }
  // A file that does not load holds no test, but is a failure all the same.
  const passed = result.numPassedTests;
  let failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  const skipped = result.numPendingTests + result.numTodoTests;
  // The teardown found something left behind, or jest was interrupted.
  if (code !== 0 && failed === 0) failed = 1;
  if (passed === 0 && failed === 0) failed = 1;
  summary = `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  return failed > 0 ? code || 1 : code;
}

function jest(report, env) {
  const paths = selection.map((word) =>
    ['unit', 'integration', 'e2e', 'docs', 'chaos'].includes(word) ? `test/${word}/` : word,
  );
  const args = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
    '--maxWorkers=3',
    '--json',
    `--outputFile=${report}`,
    ...paths,
  ];
  running = spawn(process.execPath, args, {
    cwd: root,
    // --json alone would print the whole report on stdout; its readable form is on stderr.
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...environmentFor('tests'), ...env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  });
  return new Promise((resolve, reject) => {
    running.on('error', reject);
    running.on('exit', (code) => resolve(code ?? 130));
  });
}

/** The S3 contract also runs on a real gateway; unit tests do not need one. */
function wantsCeph() {
  const asked = selection.some((word) => word === 'integration' || word.includes('ceph'));
  if (selection.length > 0 && !asked) return false;
  const missing = ['radosgw', 'ceph-mon', 'ceph-osd'].filter((name) => !onPath(name));
  if (missing.length === 0) return true;
  console.error(
    `Skipped: the S3 tests on a real Ceph gateway, since ${missing.join(', ')} is not installed (Debian: radosgw ceph-mon ceph-osd).`,
  );
  return false;
}

function onPath(name) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function startCeph() {
  const started = Date.now();
  const [port, monitorPort] = [await freePort(), await freePort()];
  const { status, stdout } = spawnSync('bash', [cephScript, 'start', cephFolder(), String(port)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 240_000,
    env: { ...environmentFor('program'), MON_PORT: String(monitorPort) },
  });
  if (status !== 0) throw new Error('The Ceph gateway did not start, see above.');
  const told = Object.fromEntries(
    stdout.split('\n').flatMap((line) => {
      const match = /^(\w+)=(.*)$/.exec(line);
      return match === null ? [] : [[match[1], match[2]]];
    }),
  );
  console.error(
    `A Ceph gateway for the S3 tests started in ${Math.round((Date.now() - started) / 1_000)} s.`,
  );
  return {
    TEST_CEPH_ENDPOINT: told.S3_ENDPOINT,
    TEST_CEPH_ACCESS_KEY: told.AWS_ACCESS_KEY_ID,
    TEST_CEPH_SECRET_KEY: told.AWS_SECRET_ACCESS_KEY,
  };
}

function stopCeph() {
  if (!existsSync(cephFolder())) return;
  spawnSync('bash', [cephScript, 'stop', cephFolder()], {
    env: environmentFor('program'),
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: 60_000,
  });
}

function cephFolder() {
  return join(work, 'ceph');
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
