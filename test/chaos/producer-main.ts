import { createLogger } from '../../src/shared/base/log.ts';
import { tapOf } from './points.ts';
import { produce } from './produce.ts';
import type { ProducerSpec } from './spec.ts';

// Written by the harness that started this process.
const spec = JSON.parse(process.argv[2] ?? '') as ProducerSpec;
const log = createLogger({ level: 'debug', format: 'json', fd: 2, secrets: [] });
await produce(spec, tapOf(spec.deaths), log);
process.exit(0);
