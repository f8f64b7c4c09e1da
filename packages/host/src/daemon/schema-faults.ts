/**
 * The faults that a TypeBox schema finds in a value, as a person wants to read them: where, what is wrong, what is
 * accepted.
 *
 * What is accepted is the `description` of the schema at that place, if it has one. `patternErrorMessage`, which editors
 * know too, says it of a text that the pattern refuses. Pure.
 */
import type { TSchema } from 'typebox'

/** As `Validator.Errors` reports it. */
interface RawFault {
  keyword: string
  instancePath: string
  message: string
  params: object
}

export interface SchemaFault {
  path: string[]
  /** Continues a sentence that begins with the path: `is unknown`, `must be …`. */
  message: string
}

const NAME_ACCEPTED = "letters, digits, '.', '_' and '-' are accepted, a letter or digit first, at most 63"

/** One fault per place. A union reports the faults of every branch; the sentence of its description says it better. */
export function schemaFaults(faults: readonly RawFault[], schema: TSchema): SchemaFault[] {
  const seen = new Map<string, SchemaFault>()
  const unions = faults.filter((fault) => fault.keyword === 'anyOf').map((fault) => fault.instancePath)
  for (const fault of faults) {
    const path = pointerParts(fault.instancePath)
    if (fault.keyword === 'boolean') continue
    if (unions.some((union) => fault.instancePath.startsWith(union) && fault.keyword !== 'anyOf')) continue
    const unknown = 'additionalProperties' in fault.params ? fault.params.additionalProperties : null
    if (Array.isArray(unknown)) {
      const accepted = Object.keys(propertiesAt(schema, path) ?? {})
      const message =
        accepted.length > 0 ? `is unknown, known here: ${accepted.join(', ')}` : `is no name: ${NAME_ACCEPTED}`
      for (const key of unknown.map(String)) seen.set(`${fault.instancePath}/${key}`, { path: [...path, key], message })
      continue
    }
    const missing = 'requiredProperties' in fault.params ? fault.params.requiredProperties : null
    const message = Array.isArray(missing) ? `lacks ${missing.map(String).join(', ')}` : describe(schema, path, fault)
    if (!seen.has(fault.instancePath)) seen.set(fault.instancePath, { path, message })
  }
  return [...seen.values()]
}

/** A description says of which kind a value is, and not how many there may be of it. */
const OF_SIZE = new Set(['maxItems', 'maxLength'])

function describe(schema: TSchema, path: readonly string[], { keyword, message }: RawFault): string {
  const found = schemaAt(schema, path)
  if (found === null || OF_SIZE.has(keyword)) return message
  if (keyword === 'pattern' && 'patternErrorMessage' in found) return String(found.patternErrorMessage)
  if ('description' in found && typeof found.description === 'string') return `must be ${found.description}`
  if ('properties' in found && found.properties !== null && typeof found.properties === 'object')
    return `must be a mapping of ${Object.keys(found.properties).join(', ')}`
  if ('patternProperties' in found) return 'must be a mapping with at least one name'
  if (keyword !== 'type' || !('type' in found)) return message
  if (found.type === 'string') return 'must be a text'
  return found.type === 'boolean' ? 'must be true or false' : message
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
