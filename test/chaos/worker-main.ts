import { once } from 'node:events';
import { createLogger } from '../../src/shared/base/log.ts';
import { startChaosWorker } from './chaos-worker.ts';
import { tapOf } from './points.ts';
import type { ProcessSpec } from './spec.ts';

// Written by the harness that started this process.
const spec = JSON.parse(process.argv[2] ?? '') as ProcessSpec;
const log = createLogger({ level: 'debug', format: 'json', fd: 2, secrets: [] });
const worker = await startChaosWorker(spec, tapOf(spec.deaths), log);
process.stdout.write('ready\n');
await once(process, 'SIGTERM');
await worker[Symbol.asyncDispose]();
// As the built program ends: by its exit code, whatever a library keeps open.
process.exit(0);
