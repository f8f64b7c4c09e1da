/**
 * The programs of the daemons: the bundles, which start in two thirds of the time and are what is published, unless a
 * source has changed since they were made; then the sources.
 */
import { readdirSync, statSync } from 'node:fs'

const PACKAGES = new URL('../../', import.meta.url)

export const AGENT = programOf('agent')
export const RECEIVER = programOf('receiver')

function programOf(daemon: string): URL {
  const bundle = new URL(`${daemon}/bundle/main.js`, PACKAGES)
  const isFresh = modifiedMs(bundle) >= Math.max(...['protocol', 'host', daemon].map(newestSourceMs))
  return isFresh ? bundle : new URL(`${daemon}/src/main.ts`, PACKAGES)
}

function newestSourceMs(name: string): number {
  const source = new URL(`${name}/src/`, PACKAGES)
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  return Math.max(...files.map((file) => modifiedMs(new URL(encodeURI(file), source))))
}

/** 0: there is none. */
function modifiedMs(file: URL): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
