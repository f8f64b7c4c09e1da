/**
 * Configuration files: YAML, checked against a TypeBox schema, faults reported as `FILE:line:column: …`.
 *
 * Everything wrong in a file is reported at once. Relative paths in a file are relative to the file: the daemons'
 * config modules resolve them with `besideFile`.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Static, TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import { EXIT, errorCode, errorMessage, Failure } from './failure.ts'

const MOST_BYTES = 1024 * 1024
const MOST_FAULTS = 20

/** Where a value stands in a file, for faults found after the schema's. */
export interface ConfigSource {
  /** A line `FILE:line:column: message` for the value at `path`, its key, or the nearest thing above it. */
  fault(path: readonly string[], message: string): string
  besideFile(path: string): string
}

/** @throws Failure (78) naming every fault, one a line */
export function readConfigFile<Schema extends TSchema>(
  file: string,
  schema: Schema,
): { value: Static<Schema>; source: ConfigSource } {
  const lines = new LineCounter()
  const document = parseDocument(readText(file), { lineCounter: lines, uniqueKeys: true })
  const at = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0)
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
  if (document.errors.length > 0) {
    throw badConfiguration(document.errors.map((error) => `${at(error.pos[0])}: ${firstLine(error.message)}`))
  }
  const source: ConfigSource = {
    fault: (path, message) =>
      `${at(offsetOf(document, path))}: ${path.length > 0 ? `${path.join('.')} ` : ''}${message}`,
    besideFile: (path) => resolve(dirname(file), path),
  }
  const value: unknown = document.toJS()
  const validator = Compile(schema)
  if (!validator.Check(value)) throw badConfiguration(schemaFaults(validator.Errors(value), schema, source))
  return { value: value as Static<Schema>, source }
}

export function badConfiguration(faults: readonly string[]): Failure {
  return new Failure(EXIT.badConfiguration, faults.slice(0, MOST_FAULTS).join('\n'))
}

function readText(file: string): string {
  try {
    const status = statSync(file)
    if (status.isDirectory()) throw badConfiguration([`${file}:1:1: is a directory, a YAML file is expected`])
    if (status.size > MOST_BYTES) throw badConfiguration([`${file}:1:1: is larger than 1 MiB`])
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof Failure) throw error
    const what = errorCode(error) === 'ENOENT' ? 'does not exist' : errorMessage(error)
    throw new Failure(EXIT.badConfiguration, `${file}:1:1: ${what}`, { cause: error })
  }
}

interface SchemaFault {
  keyword: string
  instancePath: string
  message: string
  params: object
}

/** A union reports what every branch missed; the sentence of its schema's `description` says it better. */
function schemaFaults(faults: readonly SchemaFault[], schema: TSchema, source: ConfigSource): string[] {
  const seen = new Map<string, string>()
  const unions = faults.filter((fault) => fault.keyword === 'anyOf').map((fault) => fault.instancePath)
  for (const fault of faults) {
    const path = pointerParts(fault.instancePath)
    if (fault.keyword === 'boolean') continue
    if (unions.some((union) => fault.instancePath.startsWith(union) && fault.keyword !== 'anyOf')) continue
    const unknown = 'additionalProperties' in fault.params ? fault.params.additionalProperties : null
    if (Array.isArray(unknown)) {
      const accepted = Object.keys(propertiesAt(schema, path) ?? {})
      for (const key of unknown.map(String)) {
        const known = accepted.length > 0 ? `, known here: ${accepted.join(', ')}` : ''
        seen.set(`${fault.instancePath}/${key}`, source.fault([...path, key], `is unknown${known}`))
      }
      continue
    }
    const missing = 'requiredProperties' in fault.params ? fault.params.requiredProperties : null
    const message = Array.isArray(missing)
      ? `lacks ${missing.map(String).join(', ')}`
      : describe(schema, path, fault.message)
    if (!seen.has(fault.instancePath)) seen.set(fault.instancePath, source.fault(path, message))
  }
  return [...seen.values()]
}

function describe(schema: TSchema, path: readonly string[], fallback: string): string {
  const found = schemaAt(schema, path)
  return found !== null && 'description' in found && typeof found.description === 'string'
    ? `must be ${found.description}`
    : fallback
}

function propertiesAt(schema: TSchema, path: readonly string[]): object | null {
  const found = schemaAt(schema, path)
  if (found === null) return null
  if ('properties' in found && typeof found.properties === 'object') return found.properties
  return null
}

function schemaAt(schema: TSchema, path: readonly string[]): object | null {
  let current: unknown = schema
  for (const part of path) current = child(current, part)
  return typeof current === 'object' ? current : null
}

function child(schema: unknown, part: string): unknown {
  if (typeof schema !== 'object' || schema === null) return null
  if ('properties' in schema && typeof schema.properties === 'object' && schema.properties !== null) {
    return (schema.properties as Record<string, unknown>)[part] ?? null
  }
  if ('patternProperties' in schema && typeof schema.patternProperties === 'object' && schema.patternProperties) {
    return Object.values(schema.patternProperties)[0] ?? null
  }
  if ('items' in schema) return schema.items
  if ('anyOf' in schema && Array.isArray(schema.anyOf)) {
    return schema.anyOf.map((option) => child(option, part)).find((found) => found !== null) ?? null
  }
  return null
}

function pointerParts(pointer: string): string[] {
  if (pointer === '') return []
  return pointer
    .slice(1)
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Offset of the key at `path` when it is there, else of the nearest value above it. */
function offsetOf(document: Document, path: readonly string[]): number | undefined {
  let node: unknown = document.contents
  let offset = isNode(node) ? node.range?.[0] : 0
  for (const part of path) {
    if (!isMap(node)) break
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === part)
    if (pair === undefined) break
    if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset
    node = pair.value
  }
  return offset
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? text
}
