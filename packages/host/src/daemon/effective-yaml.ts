/**
 * A configuration as it takes effect, as YAML: the settings of a file, with the default of every setting that it leaves
 * out.
 *
 * Defaults come from the schema's `default`, so a setting whose value has another source is not added. The result is a
 * configuration file of the same meaning. Pure.
 */
import { Document, isCollection, isNode } from 'yaml'

/** @param notes a comment for a value, by its path joined with `/`, as in `roots/shop/exclude/0` */
export function effectiveYaml(schema: object, value: unknown, notes: ReadonlyMap<string, string> = new Map()): string {
  const comments = new Map(notes)
  const document = new Document(completed(schema, value, [], comments))
  for (const [path, comment] of comments) {
    const node = document.getIn(path.split('/'), true)
    if (isNode(node) && !isCollection(node)) node.comment = ` ${comment}`
  }
  return document.toString({ lineWidth: 0 })
}

function completed(schema: unknown, value: unknown, path: readonly string[], comments: Map<string, string>): unknown {
  const { default: fallback, anyOf } = object(schema)
  if (value === undefined && fallback !== undefined) {
    comments.set(path.join('/'), 'default')
    return fallback
  }
  if (Array.isArray(anyOf)) {
    const mapping = anyOf.find((branch) => 'properties' in object(branch))
    return isMapping(value) && mapping !== undefined ? completed(mapping, value, path, comments) : value
  }
  const { properties, patternProperties, required } = object(schema)
  if (properties === undefined && patternProperties === undefined) return value
  const given = object(value)
  const every = Object.values(object(patternProperties))[0]
  const known = Object.entries(object(properties))
  const keys = [
    ...known.map(([key]) => key),
    ...Object.keys(given).filter((key) => !Object.hasOwn(object(properties), key)),
  ]
  const all = keys.flatMap((key) => {
    const child = completed(object(properties)[key] ?? every, given[key], [...path, key], comments)
    return child === undefined ? [] : [[key, child] as const]
  })
  // A mapping that is absent and has no default inside is left out, and so is one that nobody can leave to defaults.
  const names = new Set(all.map(([key]) => key))
  const isLacking = Array.isArray(required) && required.some((key) => !names.has(key))
  return value === undefined && (all.length === 0 || isLacking) ? undefined : Object.fromEntries(all)
}

function isMapping(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
