/**
 * What is wrong with a YAML text before a schema looks at its values, in words for the person who wrote it. Pure.
 *
 * The parser takes an unquoted `!keep.log` for a tag of a type that nobody knows, with an empty text behind it, and an
 * unquoted `*.log` for an alias. A NUL is legal in YAML, and in no path, pattern or command.
 */
import { type Document, visit } from 'yaml'

export interface YamlFault {
  offset: number
  message: string
}

/** @param document of `text`, parsed without pretty errors: those say line and column once more */
export function yamlFaults(document: Document.Parsed, text: string): YamlFault[] {
  const faults: YamlFault[] = []
  for (const { code, message, pos } of [...document.errors, ...document.warnings]) {
    const [offset, end] = pos
    if (code === 'TAG_RESOLVE_FAILED') faults.push({ offset, message: unquoted(text.slice(offset, end)) })
    else if (code === 'MULTIPLE_DOCS')
      faults.push({ offset, message: 'a second document begins here, one is accepted' })
    else faults.push({ offset, message: message.split('\n', 1)[0] ?? message })
  }
  if (document.errors.length > 0) return faults
  visit(document, {
    Alias: (_key, alias) => {
      if (alias.resolve(document) !== undefined) return
      faults.push({ offset: alias.range?.[0] ?? 0, message: unquoted(`*${alias.source}`) })
    },
    Scalar: (_key, { value, range }) => {
      if (typeof value !== 'string' || !value.includes('\0')) return
      faults.push({ offset: range?.[0] ?? 0, message: 'holds a NUL character, which is accepted nowhere' })
    },
  })
  return faults
}

function unquoted(text: string): string {
  return `a text that begins with ${text.slice(0, 1)} must be quoted: "${text}"`
}
