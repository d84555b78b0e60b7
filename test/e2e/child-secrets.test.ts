import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { processesIn, startProgram, workplace } from '../support/program.ts';

const SECRETS = {
  FAL_KEY: 'kept-id:kept-fal-secret',
  FAL_ADMIN_KEY: 'kept-admin-id:kept-admin-secret',
  WEBHOOK_SECRET: 'kept-webhook-secret',
  AWS_ACCESS_KEY_ID: 'kept-access-key',
  AWS_SECRET_ACCESS_KEY: 'kept-aws-secret',
  AWS_SESSION_TOKEN: 'kept-aws-token',
  // Of somebody else.
  DATABASE_URL: 'postgres://kept-database',
};

const KINDS = {
  supervisor: /stack-main/,
  redis: /redis-server|redis\.conf/,
  render: /bullmq/,
} as const;

function environOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    // It has ended since.
    return '';
  }
}

describe('a child process of the built program', () => {
  it('has none of the secrets of the command that started it', async () => {
    await using at = await workplace();
    await using run = startProgram(['run', '--prompt', 'a red mug', '--simulate'], {
      cwd: at.path,
      env: SECRETS,
    });
    const seen = new Map<string, string>();
    const look = () => {
      for (const { pid, command } of processesIn(at.path)) {
        const kind = Object.entries(KINDS).find(([, pattern]) => pattern.test(command))?.[0];
        const environ = environOf(pid);
        // Empty between the fork and the exec, and after the end.
        if (pid !== run.child.pid && kind !== undefined && environ.includes('PATH=')) seen.set(kind, environ);
      }
    };
    while (run.child.exitCode === null && run.child.signalCode === null) {
      look();
      await delay(20);
    }
    expect((await run.ended).code).toBe(0);
    expect([...seen.keys()].sort()).toEqual(Object.keys(KINDS).sort());
    for (const [kind, environ] of seen) {
      const names = environ.split('\0').map((entry) => entry.split('=')[0]);
      const found = Object.keys(SECRETS).filter((name) => names.includes(name));
      expect({ kind, found, kept: /kept-/.test(environ) }).toEqual({ kind, found: [], kept: false });
    }
  });
});
