/**
 * Rules of size and of names: how long a function and a file may be, how much a class may hold, and that the name of an exported
 * type has one meaning in its package.
 *
 * Knows the shape of declarations in this code and no grammar: Biome formats every file, so a body ends at the first
 * closing brace with the indentation of the line that opened it.
 */
import { lineOf, type SourceFile } from '../support/source-tree.ts'
import { isShipped, packageOf, type Rule } from './rule.ts'

const MOST_FUNCTION_LINES = 70
const MOST_CLASS_LINES = 250
const MOST_FIELDS = 12
/** A longer file has a second idea in it. */
const MOST_FILE_LINES = 400

interface Body {
  name: string
  /** From 1. */
  line: number
  lines: readonly string[]
}

/** The bodies that `opening` begins, each to the closing brace of the same indentation. */
function bodies({ code }: SourceFile, opening: RegExp): Body[] {
  const lines = code.split('\n')
  return lines.flatMap((text, at) => {
    const found = opening.exec(text)
    if (found === null) return []
    const indent = /^ */.exec(text)?.[0] ?? ''
    const end = lines.findIndex((other, position) => position >= at && new RegExp(`^${indent}\\}`).test(other))
    const isOneLine = /\}\s*$/.test(text) && !/\{\s*$/.test(text)
    return [{ name: found[1] ?? '', line: at + 1, lines: isOneLine || end === -1 ? [text] : lines.slice(at, end + 1) }]
  })
}

const FUNCTION =
  /^ *(?:export )?(?:default )?(?:static )?(?:async )?(?:function\s*\*?\s*(\w+)\s*[(<]|(?:(?:readonly )?(?:const )?#?\w+ = (?:async )?\(.*\{ *$)|(?:(?:get|set) )?\*?#?(?!if\b|for\b|while\b|switch\b|catch\b|return\b|describe\b|it\b|test\b)\w+\([^;]*\)[^;=]*\{ *$)/
const CLASS = /^(?:export )?(?:abstract )?class (\w+)/
const FIELD = /^ {2}(?:readonly |static |override |declare |private |protected )*#?\w+[?!]?(?:: [^(].*| = .*|)$/

function tooLong(file: SourceFile, opening: RegExp, most: number, what: string): string[] {
  return bodies(file, opening)
    .filter(({ lines }) => lines.length > most)
    .map(({ line, lines }) => `${file.path}:${line}: ${what} of ${lines.length} lines`)
}

function fieldsOf({ lines }: Body): string[] {
  return lines.filter((text) => FIELD.test(text) && !/^ {2}(?:static|return|get|set)\b/.test(text))
}

function namesTwice(files: readonly SourceFile[]): string[] {
  const places = new Map<string, string>()
  return files.flatMap((file) =>
    [...file.code.matchAll(/^export (?:declare )?(?:interface|type|(?:abstract )?class) (\w+)/gm)].flatMap((found) => {
      const name = `${packageOf(file.path)} ${found[1]}`
      const here = `${file.path}:${lineOf(file.text, found.index)}`
      const first = places.get(name)
      places.set(name, first ?? here)
      return first === undefined ? [] : [`${here}: ${found[1]} is exported by ${first} too`]
    }),
  )
}

const lines = (count: number) => '  a()\n'.repeat(count)

export const RULES_OF_SHAPE: readonly Rule[] = [
  {
    rule: `no function is longer than ${MOST_FUNCTION_LINES} lines`,
    faults: (files) =>
      files.filter(isShipped).flatMap((file) => tooLong(file, FUNCTION, MOST_FUNCTION_LINES, 'a function')),
    planted: {
      'packages/agent/src/a.ts': `export async function a(): Promise<void> {\n${lines(MOST_FUNCTION_LINES - 1)}}\n`,
      'packages/agent/src/b.ts': `class B {\n  #a(b: number): void {\n${lines(MOST_FUNCTION_LINES - 1)}  }\n}\n`,
      'packages/agent/src/c.ts': `const a = (b: number) => {\n${lines(MOST_FUNCTION_LINES - 1)}}\n`,
    },
    innocent: { 'packages/agent/src/a.ts': `function a() {\n${lines(MOST_FUNCTION_LINES - 2)}}\n` },
  },
  {
    rule: `no file is longer than ${MOST_FILE_LINES} lines`,
    faults: (files) =>
      files
        .filter(isShipped)
        .map(({ path, text }) => ({ path, length: text.split('\n').length - 1 }))
        .filter(({ length }) => length > MOST_FILE_LINES)
        .map(({ path, length }) => `${path}:${MOST_FILE_LINES + 1}: a file of ${length} lines`),
    planted: { 'packages/agent/src/a.ts': lines(MOST_FILE_LINES + 1) },
    innocent: { 'packages/agent/src/a.ts': lines(MOST_FILE_LINES) },
  },
  {
    rule: `no class has more than ${MOST_CLASS_LINES} lines or ${MOST_FIELDS} fields`,
    faults: (files) =>
      files.filter(isShipped).flatMap((file) => [
        ...tooLong(file, CLASS, MOST_CLASS_LINES, 'a class'),
        ...bodies(file, CLASS)
          .filter((body) => fieldsOf(body).length > MOST_FIELDS)
          .map((body) => `${file.path}:${body.line}: ${body.name} has ${fieldsOf(body).length} fields`),
      ]),
    planted: {
      'packages/agent/src/a.ts': `export class A {\n${lines(MOST_CLASS_LINES - 1)}}\n`,
      'packages/agent/src/b.ts': `class B {\n${'  readonly #a: number\n'.repeat(MOST_FIELDS)}  b = 1\n}\n`,
    },
    innocent: {
      'packages/agent/src/a.ts': `class A {\n${'  #a = 0\n'.repeat(MOST_FIELDS)}  get b(): number {\n    return 1\n  }\n}\n`,
    },
  },
  {
    rule: 'an exported type has a name of its own in its package',
    faults: (files) => namesTwice(files.filter(isShipped)),
    planted: {},
    together: {
      'packages/agent/src/a.ts': 'export interface Plan {\n}\n',
      'packages/agent/src/b.ts': 'export type Plan = number\n',
    },
    innocent: {
      'packages/agent/src/a.ts': 'export interface Plan {\n}\n',
      'packages/receiver/src/a.ts': 'export class Plan {\n}\n',
      'packages/agent/src/b.ts': 'type Plan = number\n',
    },
  },
]
