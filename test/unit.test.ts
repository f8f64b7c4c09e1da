/**
 * The unit tests of all packages in one process: starting a process for each takes longer than most of them run.
 *
 * They are found by this file, and can also be run by themselves: `node --test packages/agent/src/root/turn.test.ts`.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { loadTests } from './support/load-tests.ts'

const CHECKOUT = join(import.meta.dirname, '..')
const files = globSync('packages/*/src/**/*.test.ts', { cwd: CHECKOUT }).sort()

await loadTests(files.map((file) => join(CHECKOUT, file)))
