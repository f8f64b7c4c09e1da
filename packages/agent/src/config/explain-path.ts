/**
 * Which pattern decides whether a path is sent: for `config explain`. The rule is that of `PathFilter`: an excluded
 * directory excludes everything below it, and the last pattern that matches a path decides. Pure.
 */
import { type MatchedKind, PathFilter } from '@rootferry/protocol'

export interface NamedPattern {
  pattern: string
  /** A part of a sentence: `in exclude`, `of the preset wordpress (page caches of plugins)`. */
  source: string
}

export interface PathExplanation {
  isExcluded: boolean
  /** The path itself, or the excluded directory above it. */
  decidedAt: string
  /** Null: no pattern matches. */
  pattern: NamedPattern | null
}

export function explainPath(patterns: readonly NamedPattern[], path: string, kind: MatchedKind): PathExplanation {
  for (const above of ancestors(path)) {
    const pattern = lastMatch(patterns, above, 'directory')
    if (pattern !== null && !isNegated(pattern)) return { isExcluded: true, decidedAt: above, pattern }
  }
  const pattern = lastMatch(patterns, path, kind)
  return { isExcluded: pattern !== null && !isNegated(pattern), decidedAt: path, pattern }
}

function lastMatch(patterns: readonly NamedPattern[], path: string, kind: MatchedKind): NamedPattern | null {
  // The directories above are included again, because the question is whether the pattern matches the path itself.
  const included = ancestors(path).map((above) => `!/${above.replaceAll(/[\\*?[\]!# ]/g, '\\$&')}/`)
  const matches = (named: NamedPattern) => {
    const pattern = isNegated(named) ? named.pattern.slice(1) : named.pattern
    return new PathFilter([pattern, ...included]).excludes(path, kind)
  }
  return patterns.findLast(matches) ?? null
}

/** The directories above a path, from the top down. */
function ancestors(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

function isNegated({ pattern }: NamedPattern): boolean {
  return pattern.startsWith('!')
}
