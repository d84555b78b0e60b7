import { createLogger } from '../../src/shared/base/log.ts';
import { openChaosShop } from './chaos-shop.ts';
import { runCommand } from './commands.ts';
import { tapOf } from './points.ts';
import type { OperatorSpec } from './spec.ts';

// Written by the harness that started this process.
const spec = JSON.parse(process.argv[2] ?? '') as OperatorSpec;
const log = createLogger({ level: 'debug', format: 'json', fd: 2, secrets: [] });
const opened = await openChaosShop(spec, tapOf(spec.deaths), log);
process.stdout.write('ready\n');
await runCommand(spec, opened);
process.exit(0);
