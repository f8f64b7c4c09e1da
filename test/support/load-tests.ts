/** Loads test files that share a process. */
import { test } from 'node:test'

/**
 * Their tests begin when all are loaded: a process in which no test waits or runs counts as over, and would be ended with
 * files still to come.
 * @param files absolute paths
 */
export async function loadTests(files: readonly string[]): Promise<void> {
  const loaded = Promise.withResolvers<void>()
  test(`${files.length} files are loaded`, () => loaded.promise)
  for (const file of files) await import(file)
  loaded.resolve()
}
