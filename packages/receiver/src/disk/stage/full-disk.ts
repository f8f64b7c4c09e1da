/** A full disk is somebody's to empty: the failure says which one it is, and how full. */
import { isSystemError } from '../files/disk-errors.ts'
import type { DiskFailure } from '../files/disk-retry.ts'
import type { Room } from './room.ts'

const FULL = new Set(['ENOSPC', 'EDQUOT'])

export function explained<Failure extends DiskFailure | null>(failure: Failure, room: Room): Failure {
  if (failure === null || !FULL.has(failure.code)) return failure
  const { message } = failure
  try {
    return { ...failure, message: `${message}; ${room.filesystem}` }
  } catch (error) {
    if (!isSystemError(error)) throw error
    return failure
  }
}
