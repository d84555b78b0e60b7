import { errorCodes } from '../shared/base/errors.ts';

/** Whether there is a process with this id; another user's counts. After a restart of the machine it may be a stranger. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCodes(error).includes('EPERM');
  }
}
