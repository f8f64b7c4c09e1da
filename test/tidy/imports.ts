/** The imports of a file, read from its text: specifiers, lines, and whether only types are imported. */
import { dirname, posix } from 'node:path'
import { lineOf, type SourceFile } from '../support/source-tree.ts'
import { packageOf } from './rule.ts'

export interface Import {
  specifier: string
  line: number
  isTypeOnly: boolean
}

export function importsOf({ text, code }: SourceFile): Import[] {
  const found = [...text.matchAll(/\b(?:from|import)\b\s*\(?\s*(['"])([^'"\n]+)\1/g)]
  return found
    .filter(({ index }) => code[index] !== ' ')
    .map(({ index, 2: specifier = '' }) => {
      const statement = code.slice(code.lastIndexOf('import', index), index)
      return { specifier, line: lineOf(text, index), isTypeOnly: /^import\s+type\b/.test(statement) }
    })
}

/** The package of ours that an import leads to, or null. */
export function importedPackage(file: SourceFile, specifier: string): string | null {
  const scoped = /^@rootferry\/([^/]+)/.exec(specifier)?.[1]
  if (scoped !== undefined) return scoped
  return specifier.startsWith('.') ? packageOf(posix.join(dirname(file.path), specifier)) : null
}

/** The file that an import of the same package leads to, or null. */
export function targetOf(file: SourceFile, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(dirname(file.path), specifier) : null
}
