import { describe, expect, it } from '@jest/globals';
import { workerCommand } from '../../../src/cli/commands/worker.ts';
import type { Role } from '../../../src/shared/base/choices.ts';
import { runInContext } from '../../support/cli-context.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { openWorkshop } from '../../support/workshop.ts';

describe('a worker without FAL_KEY', () => {
  it('renders and runs schedules, which send nothing, and refuses the roles that ask fal', async () => {
    const settings = { FAL_KEY: '', SCHEDULE_KEY: 'a key of the test' };
    await using workshop = await openWorkshop({ settings });
    for (const role of ['render', 'schedule'] satisfies Role[]) {
      await using work = await workshop.startWorker({ roles: [role] });
      expect(work.running()).toBe(true);
    }
    for (const role of ['generate', 'collect'] satisfies Role[])
      await expect(workshop.startWorker({ roles: [role] })).rejects.toThrow('Set FAL_KEY');
  });

  it('is refused the role schedule without SCHEDULE_KEY, since it could tell no signature', async () => {
    await using workshop = await openWorkshop({ settings: { FAL_KEY: '' } });
    await expect(workshop.startWorker({ roles: ['schedule'] })).rejects.toThrow(
      'Set FAL_KEY, or SCHEDULE_KEY',
    );
  });

  it('is asked for the key beside the missing addresses only where its roles need it', async () => {
    await using folder = await tempFolder();
    const start = (...roles: Role[]) =>
      runInContext({ cwd: folder.path, environment: {} }, (context) =>
        workerCommand(context, { roles: new Set(roles) }),
      );
    await expect(start('generate')).rejects.toThrow('FAL_KEY');
    await expect(start('schedule', 'render')).rejects.toThrow(/^(?!.*FAL_KEY).*REDIS_URL/s);
  });
});
