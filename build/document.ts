/**
 * Generates the tables of docs/configuration.md, between their markers, from the schemas of agent.yaml and
 * receiver.yaml and from the presets: `node build/document.ts`. The prose around the tables is written by hand.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AgentFile } from '../packages/agent/src/config/agent-file.ts'
import { PRESETS } from '../packages/agent/src/config/presets.ts'
import { ReceiverFile } from '../packages/receiver/src/config/receiver-yaml.ts'

export const CONFIGURATION_PAGE = join(import.meta.dirname, '../docs/configuration.md')

const TABLES: Readonly<Record<string, () => string>> = {
  'agent.yaml': () => settingsTable(AgentFile),
  'receiver.yaml': () => settingsTable(ReceiverFile),
  presets: presetTables,
}
const MARKED = /(<!-- generated: ([\w.]+) -->\n).*?(<!-- end -->)/gs

/** @returns the page with every marked table generated anew. @throws when a table has no place in the page */
export function withTables(page: string): string {
  const written = new Set<string>()
  const text = page.replaceAll(MARKED, (_all, begin: string, name: string, end: string) => {
    const table = TABLES[name]
    if (table === undefined) throw new Error(`there is no table ${name}, but ${Object.keys(TABLES).join(', ')}`)
    written.add(name)
    return `${begin}${table()}${end}`
  })
  const missing = Object.keys(TABLES).filter((name) => !written.has(name))
  if (missing.length > 0) throw new Error(`the page has no place for ${missing.join(', ')}`)
  return text
}

export interface Setting {
  path: string
  title: string
  accepts: string
  fallback: string
}

function settingsTable(schema: object): string {
  const rows = settingsOf(schema).map(
    ({ path, title, accepts, fallback }) => `| \`${path}\` | ${cell(title)} | ${cell(accepts)} | ${fallback} |\n`,
  )
  return `| setting | what it does | accepts | default |\n|---|---|---|---|\n${rows.join('')}`
}

/** Every setting of a configuration file, parents first. */
export function settingsOf(schema: object): Setting[] {
  return settings(schema, '', true)
}

/** A row for every schema with a title, parents first. */
function settings(schema: unknown, path: string, isRequired: boolean): Setting[] {
  const title = text(schema, 'title')
  const fallback = 'default' in object(schema) ? `\`${object(schema)['default']}\`` : isRequired ? 'required' : '-'
  const own = title === null ? [] : [{ path, title, accepts: text(schema, 'description') ?? 'a mapping', fallback }]
  const required = array(object(schema)['required'])
  const below = (key: string) => (path === '' ? key : `${path}.${key}`)
  return [
    ...own,
    ...Object.entries(object(object(schema)['properties'])).flatMap(([key, child]) =>
      settings(child, below(key), required.includes(key)),
    ),
    ...Object.values(object(object(schema)['patternProperties'])).flatMap((child) =>
      settings(child, below('NAME'), true),
    ),
    ...array(object(schema)['anyOf']).flatMap((branch) => settings(branch, path, false)),
    ...settingsOfItems(object(schema)['items'], path),
  ]
}

function settingsOfItems(items: unknown, path: string): Setting[] {
  return items === undefined ? [] : settings(items, `${path}[]`, true)
}

function presetTables(): string {
  return Object.entries(PRESETS)
    .map(([name, patterns]) => {
      const rows = Object.entries(patterns).map(([pattern, reason]) => `| \`${pattern}\` | ${cell(reason)} |\n`)
      return `### ${name}\n\n| excludes | why |\n|---|---|\n${rows.join('')}`
    })
    .join('\n')
}

function cell(value: string): string {
  return value.replaceAll('|', '\\|')
}

function text(schema: unknown, key: string): string | null {
  const value = object(schema)[key]
  return typeof value === 'string' ? value : null
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function array(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

if (import.meta.main) writeFileSync(CONFIGURATION_PAGE, withTables(readFileSync(CONFIGURATION_PAGE, 'utf8')))
