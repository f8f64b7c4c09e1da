/**
 * Configuration files: YAML, checked against a TypeBox schema, faults reported as `FILE:line:column: …`.
 *
 * All faults of a file are reported at once. Relative paths in a file are relative to the file: the daemons' config
 * modules resolve them with `besideFile`.
 */
import { isUtf8 } from 'node:buffer'
import { readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Static, TSchema } from 'typebox'
import { Check, Errors } from 'typebox/value'
import { type Document, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml'
import { EXIT, errorCode, errorMessage, Failure } from '../machine/failure.ts'
import { inOneLine } from './in-one-line.ts'
import { patternFault } from './pattern-fault.ts'
import { schemaFaults } from './schema-faults.ts'
import { yamlFaults } from './yaml-faults.ts'

const MOST_BYTES = 1024 * 1024
const MOST_FAULTS = 20
/** Of the patterns of one list, encoded: they travel in one message. */
const MOST_PATTERN_BYTES = 1024 * 1024

/** The place of a value in a file, for faults that are found after the schema's. */
export interface ConfigSource {
  /** A line `FILE:line:column: message` for the value at `path`, its key, or the nearest thing above it. */
  fault(path: readonly string[], message: string): string
  besideFile(path: string): string
}

/** The fault of each pattern at `path` that can match nothing below the root. */
export function patternFaults(
  patterns: readonly string[] | undefined,
  { path, rootPath }: { path: readonly string[]; rootPath: string },
  source: ConfigSource,
): string[] {
  const bytes = Buffer.byteLength(JSON.stringify(patterns ?? []))
  if (bytes > MOST_PATTERN_BYTES)
    return [source.fault(path, `takes ${bytes} bytes: at most ${MOST_PATTERN_BYTES} are accepted`)]
  return (patterns ?? []).flatMap((pattern, position) => {
    const fault = patternFault(pattern, rootPath)
    return fault === null ? [] : [source.fault([...path, String(position)], fault)]
  })
}

/**
 * @param writer the command that writes a first file: it is named when there is none
 * @throws Failure (78) naming every fault, one a line
 */
export function readConfigFile<Schema extends TSchema>(
  file: string,
  schema: Schema,
  writer: string,
): { value: Static<Schema>; source: ConfigSource } {
  const text = readText(file, writer)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false })
  const at = (offset: number | undefined) => {
    const { line, col } = lines.linePos(offset ?? 0)
    return `${file}:${Math.max(line, 1)}:${Math.max(col, 1)}`
  }
  const textFaults = yamlFaults(document, text)
  if (textFaults.length > 0)
    throw badConfiguration(textFaults.map(({ offset, message }) => `${at(offset)}: ${message}`))
  const source: ConfigSource = {
    fault: (path, message) =>
      `${at(offsetOf(document, path))}: ${path.length > 0 ? `${path.join('.')} ` : ''}${message}`,
    besideFile: (path) => resolve(dirname(file), path),
  }
  const value = contentOf(document, file)
  if (!Check(schema, value)) {
    const faults = schemaFaults(Errors(schema, value), schema)
    throw badConfiguration(faults.map(({ path, message }) => source.fault(path, message)))
  }
  return { value: value as Static<Schema>, source }
}

/** The content of the document, with aliases followed. */
function contentOf(document: Document, file: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    throw badConfiguration([`${file}:1:1: ${errorMessage(error)}`])
  }
}

export function badConfiguration(faults: readonly string[]): Failure {
  return new Failure(EXIT.badConfiguration, faults.slice(0, MOST_FAULTS).map(inOneLine).join('\n'))
}

function readText(file: string, writer: string): string {
  try {
    const status = statSync(file)
    if (status.isDirectory()) throw badConfiguration([`${file}:1:1: is a directory, a YAML file is expected`])
    if (status.size > MOST_BYTES) throw badConfiguration([`${file}:1:1: is larger than 1 MiB`])
    const bytes = readFileSync(file)
    const text = bytes.toString()
    if (!isUtf8(bytes)) throw badConfiguration([`${file}:${placeOf(text, '\ufffd')}: is not UTF-8`])
    return text
  } catch (error) {
    if (error instanceof Failure) throw error
    const what = errorCode(error) === 'ENOENT' ? `does not exist: '${writer}' writes one` : errorMessage(error)
    throw new Failure(EXIT.badConfiguration, `${file}:1:1: ${what}`, { cause: error })
  }
}

/** Offset of the key at `path` if the key is there, else of the nearest value above it. */
function offsetOf(document: Document, path: readonly string[]): number | undefined {
  let node: unknown = document.contents
  let offset = isNode(node) ? node.range?.[0] : 0
  for (const part of path) {
    if (isSeq(node)) {
      node = node.items[Number(part)]
      if (isNode(node)) offset = node.range?.[0] ?? offset
      continue
    }
    if (!isMap(node)) break
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === part)
    if (pair === undefined) break
    if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset
    node = pair.value
  }
  return offset
}

/** Line and column at which `what` comes first. */
function placeOf(text: string, what: string): string {
  const before = text.slice(0, text.indexOf(what)).split('\n')
  return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`
}
