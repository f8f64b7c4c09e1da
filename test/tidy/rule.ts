/**
 * A rule of the house: the lines that break it, and texts that break it, so that a rule which no longer notices
 * anything is found out too.
 */
import { lineOf, type SourceFile } from '../support/source-tree.ts'

export interface Rule {
  rule: string
  /** @returns a line for each fault: `path:line: what` */
  faults(files: readonly SourceFile[]): string[]
  /** Files that break it, by path. */
  planted: Record<string, string>
  /** Several files that break it only together; the fault may be in any of them. */
  together?: Record<string, string>
  /** Files that resemble a breach and are none. */
  innocent?: Record<string, string>
}

export const isScript = ({ path }: SourceFile) => /\.tsx?$/.test(path)
export const isTest = ({ path }: SourceFile) => path.endsWith('.test.ts')
export const isSource = ({ path }: SourceFile) => /^packages\/[^/]+\/src\/.*\.tsx?$/.test(path)
export const isShipped = (file: SourceFile) => isSource(file) && !isTest(file)
export const packageOf = (path: string) => /^packages\/([^/]+)\//.exec(path)?.[1] ?? null

/** A fault wherever `pattern` matches, in the code only or in the whole text. */
export function matches(files: readonly SourceFile[], part: 'code' | 'text', pattern: RegExp, what: string): string[] {
  return files.flatMap((file) =>
    [...file[part].matchAll(pattern)].map((found) => `${file.path}:${lineOf(file.text, found.index)}: ${what}`),
  )
}
