/** Changes settings at the top of a YAML file that people wrote, and leaves every other byte as it is. */
import { isDeepStrictEqual } from 'node:util'
import { isMap, isScalar, parseDocument } from 'yaml'
import { EXIT, Failure } from '../machine/failure.ts'
import { yamlScalar } from './yaml-scalar.ts'

/**
 * @param settings new values by key; null: the setting goes, with its line
 * @param behind the key after which a setting comes that the file lacks
 * @throws Failure when the file is written in a way that this cannot change
 */
export function withSettings(text: string, settings: Readonly<Record<string, string | null>>, behind: string): string {
  const changed = Object.entries(settings).reduce((now, [key, value]) => withSetting(now, key, value, behind), text)
  const expected = { ...parseDocument(text).toJS(), ...settings }
  for (const [key, value] of Object.entries(settings)) if (value === null) delete expected[key]
  const document = parseDocument(changed)
  if (document.errors.length > 0 || !isDeepStrictEqual(document.toJS(), expected))
    throw new Failure(
      EXIT.failed,
      `${Object.keys(settings).join(', ')} cannot be changed in this file: write each on a line of its own`,
    )
  return changed
}

function withSetting(text: string, key: string, value: string | null, behind: string): string {
  const { contents } = parseDocument(text)
  const items = isMap(contents) ? contents.items : []
  const pairOf = (name: string) => items.find((pair) => isScalar(pair.key) && pair.key.value === name)
  const rangeOf = (node: unknown) => (isScalar(node) ? (node.range ?? null) : null)
  const pair = pairOf(key)
  const [from, to] = [rangeOf(pair?.key)?.[0], rangeOf(pair?.value)?.[1]]
  if (from !== undefined && to !== undefined) {
    const start = rangeOf(pair?.value)?.[0] ?? to
    if (value !== null) return `${text.slice(0, start)}${yamlScalar(value)}${text.slice(to)}`
    return `${text.slice(0, from)}${text.slice(endOfLine(text, to))}`
  }
  if (value === null) return text
  const end = endOfLine(text, rangeOf(pairOf(behind)?.value)?.[1] ?? 0)
  const line = `${key}: ${yamlScalar(value)}\n`
  return text.slice(0, end).endsWith('\n') || end === 0
    ? `${text.slice(0, end)}${line}${text.slice(end)}`
    : `${text}\n${line}`
}

/** Where the next line begins. */
function endOfLine(text: string, from: number): number {
  const newline = text.indexOf('\n', from)
  return newline === -1 ? text.length : newline + 1
}
