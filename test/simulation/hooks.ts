/**
 * Puts the simulated world under the product's own code without changing that code: modules of the machine, and those
 * that hold bounds, are replaced as the product imports them, and snippets of its source as they are loaded.
 *
 * A snippet that is not found exactly once is an error: a change of the source must also update the snippet.
 */
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { SCALED_MODULES } from './scale.ts'

/** A replacement of source text, in a file below packages/. */
export interface Replacement {
  file: string
  snippet: string | RegExp
  replacement: string
}

const SIMULATED: Record<string, string> = {
  'node:fs': './disk-calls.ts',
  'node:sqlite': './database.ts',
  'node:worker_threads': './threads.ts',
  'node:crypto': './platform.ts',
  'node:timers/promises': './platform.ts',
  'node:child_process': './platform.ts',
  'node:net': './platform.ts',
  './secure-connection.ts': './platform.ts',
  './collect-garbage.ts': './platform.ts',
  './root-lock.ts': './platform.ts',
  './since-boot.ts': './platform.ts',
  './events-read.ts': './disk-watch.ts',
  ws: './socket.ts',
}
const PRODUCT = /\/packages\/(?:protocol|host|agent|receiver)\/src\//
const PACKAGES = new URL('../../packages/', import.meta.url)
const SCALED = new Map(
  Object.entries(SCALED_MODULES).map(([file, scaled]) => [
    new URL(file, PACKAGES).href,
    new URL(scaled, import.meta.url).href,
  ]),
)
const SCALED_URLS = new Set(SCALED.values())

/** Call it before the product is imported. @throws when a snippet is not found, or more than once */
export function installHooks(replacements: readonly Replacement[]): void {
  const sources = new Map<string, string>()
  for (const { file, snippet, replacement } of replacements) {
    const { href } = new URL(file, PACKAGES)
    const source = sources.get(href) ?? readFileSync(new URL(href), 'utf8')
    const found = source.split(snippet).length - 1
    if (found !== 1) throw new Error(`packages/${file} has ${found} times, instead of once: ${snippet}`)
    sources.set(
      href,
      source.replace(snippet, () => replacement),
    )
  }
  registerHooks({
    resolve: (specifier, context, next) => {
      const simulated = SIMULATED[specifier]
      const parent = context.parentURL ?? ''
      if (simulated !== undefined && PRODUCT.test(parent))
        return { url: new URL(simulated, import.meta.url).href, shortCircuit: true }
      const resolved = next(specifier, context)
      const scaled = SCALED_URLS.has(parent) ? undefined : SCALED.get(resolved.url)
      return scaled === undefined ? resolved : { url: scaled, shortCircuit: true }
    },
    load: (url, context, next) => {
      const source = sources.get(url)
      return source === undefined ? next(url, context) : { ...next(url, context), source }
    },
  })
}
