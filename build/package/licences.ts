/**
 * The licences of everything inside a package: ours, those of the npm packages whose files are in the bundles, and
 * those of Node. The bundler says which files it read, so nothing is left out.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../programs.ts'
import type { Runtime } from './runtime.ts'

export interface Licences {
  /** Our licence, and a line for everything else inside. */
  summary: string
  /** The whole text of each licence. */
  texts: string
}

interface Part {
  name: string
  version: string
  licence: string
  text: string
}

const RULE = `\n${'-'.repeat(78)}\n\n`

/** @param runtime null for a package without a Node of its own. @throws Error for a package without a licence */
export function licencesOf(inputs: readonly string[], runtime: Runtime | null): Licences {
  const directories = new Set(inputs.map(directoryOf).filter((directory) => directory !== null))
  const parts = [...directories].map(readPart)
  if (runtime !== null) {
    const { version, licence } = runtime
    parts.push({ name: 'node', version, licence: 'MIT, with parts under other licences', text: licence })
  }
  parts.sort((one, other) => (one.name < other.name ? -1 : 1))
  const own = readFileSync(join(REPOSITORY, 'LICENSE'), 'utf8').trim()
  const list = parts.map(({ name, version, licence }) => `  ${name} ${version}: ${licence}\n`)
  return {
    summary: `Rootferry\n\n${own}\n${RULE}It contains:\n\n${list.join('')}`,
    texts: parts.map(({ name, version, text }) => `${name} ${version}\n\n${text.trim()}\n`).join(RULE),
  }
}

/**
 * The directory of the npm package that a file belongs to; null for our own files and for inputs that are not files.
 */
function directoryOf(input: string): string | null {
  return /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? null
}

function readPart(directory: string): Part {
  const place = join(REPOSITORY, directory)
  const manifest: unknown = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'))
  const { name, version, license } = { name: '', version: '', license: '', ...(manifest as object) }
  const files = readdirSync(place).filter((file) => /^(?:licen[cs]e|copying|notice)(?:[.-]|$)/i.test(file))
  if (typeof license !== 'string' || license === '') throw new Error(`${name} ${version} names no licence`)
  const text = files.sort().map((file) => readFileSync(join(place, file), 'utf8').trim())
  return {
    name,
    version,
    licence: license,
    text: text.length > 0 ? text.join('\n\n') : `Licensed under ${license}; its archive has no file with the text.`,
  }
}
