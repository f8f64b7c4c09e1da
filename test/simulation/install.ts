/** Installs the simulation in this process, before the product is imported. */
import { installGlobals } from './globals.ts'
import { installHooks, type Replacement } from './hooks.ts'

/** @throws when a snippet is not found, or more than once */
export function installSimulation(replacements: readonly Replacement[] = []): void {
  installHooks(replacements)
  installGlobals()
}
