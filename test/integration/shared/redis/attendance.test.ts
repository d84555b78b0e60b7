import { describe, expect, it, jest } from '@jest/globals';
import { statusCommand } from '../../../../src/cli/commands/status.ts';
import { silentLogger } from '../../../../src/shared/base/log.ts';
import { startHeartbeat } from '../../../../src/shared/redis/heartbeat.ts';
import { Attendance } from '../../../../src/shared/redis/presence.ts';
import { testRedis } from '../../../support/redis.ts';
import { openWorkshop } from '../../../support/workshop.ts';
import { workshopCli } from '../../../support/workshop-cli.ts';

// Waits are for conditions; on a machine that is busy with other work they come to pass late.
jest.setTimeout(90_000);

describe('which workers are there', () => {
  it('is known by role, from the start of each to its stop', async () => {
    await using redis = await testRedis();
    const attendance = new Attendance({ redis: redis.client, prefix: redis.prefix });
    expect(await attendance.present()).toEqual(new Map());
    const [one, other] = await Promise.all([
      startHeartbeat({ attendance, roles: ['generate', 'collect'], log: silentLogger }),
      startHeartbeat({ attendance, roles: ['generate'], log: silentLogger }),
    ]);
    expect(await attendance.present()).toEqual(
      new Map([
        ['generate', 2],
        ['collect', 1],
      ]),
    );
    await one.stop();
    expect(await attendance.present()).toEqual(new Map([['generate', 1]]));
    await other.stop();
    expect(await attendance.present()).toEqual(new Map());
  });

  it('is forgotten of one that was killed, some seconds later', async () => {
    await using redis = await testRedis();
    const attendance = new Attendance({ redis: redis.client, prefix: redis.prefix });
    await attendance.here('killed', ['render']);
    const key = `${redis.prefix}:workers`;
    const saidAtS = Number(await redis.client.zscore(key, 'render killed'));
    await redis.client.zadd(key, saidAtS - 16, 'render killed');
    expect(await attendance.present()).toEqual(new Map());
    await attendance.here('other', ['render']);
    expect(await attendance.present()).toEqual(new Map([['render', 1]]));
  });

  it('is told to whoever asks how a batch stands and would wait for nothing', async () => {
    await using workshop = await openWorkshop();
    await using cli = await workshopCli(workshop);
    const batch = await workshop.enqueueRows([{ id: 'jar', prompt: 'a jar' }]);
    const alone = await cli.run((context) => statusCommand(context, batch, {}));
    expect(alone.out).toContain('Held back by: no worker is running; start one with: shotlist worker');
    await workshop.startWorker();
    const { err, result } = await cli.run((context) => statusCommand(context, batch, { watch: true }));
    expect(result).toBe(0);
    expect(err).not.toContain('no worker');
    expect(err).toContain('1/1 requests | $0.02 spent');
  });
});
