// Preloaded into a measured program (`node --import`): writes the most memory that the process ever held, in bytes, to
// the file named in BENCH_PEAK_FILE when it ends. Plain JavaScript, so that no compiler is loaded with it.
import { writeFileSync } from 'node:fs';

const file = process.env.BENCH_PEAK_FILE;
if (file !== undefined) {
  // libuv tells it in KiB on every platform.
  process.on('exit', () => writeFileSync(file, String(process.resourceUsage().maxRSS * 1024)));
}
