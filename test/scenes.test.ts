/**
 * The scenes in one process: each file would load the simulation and both daemons for itself, which takes a third of all.
 *
 * They are found by this file, and can also be run by themselves: `node --test test/scenes/guard.test.ts`.
 */
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { loadTests } from './support/load-tests.ts'

const files = globSync('scenes/*.test.ts', { cwd: import.meta.dirname }).sort()

await loadTests(files.map((file) => join(import.meta.dirname, file)))
