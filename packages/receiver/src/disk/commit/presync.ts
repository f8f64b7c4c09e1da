/**
 * Writes staged content to the disk before a large burst: when a rename replaces a file, ext4 first writes the new
 * content, which would otherwise happen in the middle of the burst, file by file.
 */
import { execFile } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { DiskSteps } from '../files/disk-retry.ts'
import type { Plan } from '../ledger/operation.ts'

const FEWEST_REPLACED = 50
/** Other programs may have much to write to that disk: the burst does not wait for them. */
const LONGEST_MS = 300

const run = promisify(execFile)

/**
 * An optimization only: it is over after a moment whatever happens.
 * @param staging the directory in which content is staged
 * @returns whether it took time, in which the tree may have changed
 */
export async function presync(plan: Plan, staging: string): Promise<boolean> {
  if (!isWorthIt(plan)) return false
  const over = new AbortController()
  const synced = syncStaged(staging)
  const late = wait(LONGEST_MS, false, { signal: over.signal }).catch(() => false)
  await Promise.race([synced, late])
  over.abort()
  return true
}

/** The same for as long as the connection lasts: nobody waits for the burst yet. @throws Dropped */
export async function presyncAll(plan: Plan, staging: string, steps: DiskSteps): Promise<void> {
  if (!isWorthIt(plan)) return
  await steps.waiting(syncStaged(staging))
}

/** @param directory any of its filesystem. @returns whether what is staged is on the disk: the sync that makes the commit durable reports the fault */
export function syncStaged(directory: string): Promise<boolean> {
  return run('sync', ['-f', '.'], { cwd: directory }).then(
    () => true,
    () => false,
  )
}

function isWorthIt({ operations }: Plan): boolean {
  const replaced = operations.filter((operation) => operation.do === 'place' && operation.replaces)
  return replaced.length >= FEWEST_REPLACED
}
