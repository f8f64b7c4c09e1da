/**
 * The checkout as text: every file that git would track, and the code of a TypeScript file without comments and
 * strings.
 *
 * Reads the disk under the patterns of .gitignore instead of asking git, which may be missing. `codeOf` knows the shape
 * of tokens and no grammar: enough to tell code from comments, strings and regular expressions.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { joinPath, PathFilter, ROOT_PATH } from '@rootferry/protocol'

export interface SourceFile {
  /** Relative to the checkout. */
  path: string
  text: string
  /** As long as `text`, line for line; comments, strings and regular expressions are blank. */
  code: string
}

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, code: /\.tsx?$/.test(path) ? codeOf(text) : text }
}

/** Every file below `checkout` that is not ignored, sorted by path. */
export function readSourceTree(checkout: string): SourceFile[] {
  const ignored = new PathFilter(['.git', ...readFileSync(join(checkout, '.gitignore'), 'utf8').split('\n')])
  const files: SourceFile[] = []
  const walk = (directory: string) => {
    for (const entry of readdirSync(join(checkout, directory), { withFileTypes: true })) {
      const path = joinPath(directory, entry.name)
      if (ignored.excludes(path, entry.isDirectory() ? 'directory' : 'file')) continue
      if (entry.isDirectory()) walk(path)
      else if (entry.isFile()) files.push(sourceFile(path, readFileSync(join(checkout, path), 'utf8')))
    }
  }
  walk(ROOT_PATH)
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** Line of a position in a text, from 1. */
export function lineOf(text: string, position: number): number {
  return text.slice(0, position).split('\n').length
}

/** After these a slash begins a regular expression; after anything else it divides. */
const BEFORE_EXPRESSION =
  /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|delete|void|throw|new|else|do|await|yield))$/
const TOKENS = [
  /\/\/[^\n]*/y,
  /\/\*[\s\S]*?(?:\*\/|$)/y,
  /'(?:\\[\s\S]|[^'\\\n])*(?:'|$)/y,
  /"(?:\\[\s\S]|[^"\\\n])*(?:"|$)/y,
]
const EXPRESSION = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y
/** From a backtick or the end of a substitution to the next backtick or substitution. */
const TEMPLATE_PART = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{|$)/y

export function codeOf(text: string): string {
  let code = ''
  /** Braces open within each substitution of a template we are in. */
  const substitutions: number[] = []
  const blank = (pattern: RegExp, from: number): string | null => {
    pattern.lastIndex = from
    const found = pattern.exec(text)?.[0]
    if (found === undefined || found === '') return null
    code += found.replaceAll(/[^\n]/g, ' ')
    return found
  }
  const template = () => {
    if (blank(TEMPLATE_PART, code.length)?.endsWith('${') === true) substitutions.push(0)
  }
  while (code.length < text.length) {
    const at = code.length
    if (TOKENS.some((token) => blank(token, at) !== null)) continue
    const character = text[at] ?? ''
    const depth = substitutions.at(-1)
    const isTag = (text[at - 1] === '<' && /[\w>]/.test(text[at + 1] ?? '')) || text[at + 1] === '>'
    if (character === '/' && !isTag && BEFORE_EXPRESSION.test(code.trimEnd()) && blank(EXPRESSION, at) !== null)
      continue
    if (character === '`') {
      code += ' '
      template()
      continue
    }
    if (character === '}' && depth === 0) {
      code += ' '
      substitutions.pop()
      template()
      continue
    }
    if (depth !== undefined && (character === '{' || character === '}')) {
      substitutions[substitutions.length - 1] = depth + (character === '{' ? 1 : -1)
    }
    code += character
  }
  return code
}
