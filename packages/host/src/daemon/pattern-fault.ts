/**
 * Patterns that can never match what their author meant, and the pattern that does.
 *
 * A pattern is read below its root, as a line of a .gitignore there. The matcher accepts an absolute path, `./x`,
 * `~/x`, `../x` and `app\etc`, and they match nothing, so a file that should be protected would be overwritten. Knows
 * single patterns only, not whether several of them make sense together.
 */
import { existsSync, realpathSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * @param pattern a line of gitignore
 * @param rootPath absolute path of the root that it applies to; need not exist
 * @returns what is wrong and what was meant, to follow the place of the pattern; null when nothing is wrong
 */
export function patternFault(pattern: string, rootPath: string): string | null {
  if (pattern.trim() === '' || pattern.startsWith('#')) return null
  const sign = pattern.startsWith('!') ? '!' : ''
  const text = pattern.slice(sign.length)
  const meant = (path: string, why: string) => `'${pattern}' ${why}: ${suggestion(path)}`
  const suggestion = (path: string) =>
    path === '' ? "'*' is everything in the root" : `'${sign}${path}' is meant, a path below the root`
  if (/\\[A-Za-z0-9]/.test(text)) return meant(text.replaceAll('\\', '/'), 'matches nothing with backslashes')
  const inside = belowRoot(text, rootPath) ?? byAnotherWay(text, rootPath)
  if (inside !== null) return meant(inside, "begins with the root's own path and can match nothing")
  const parts = text.replace(/^\//, '').replace(/\/$/, '').split('/')
  if (parts[0] === '~') return meant(`/${text.slice(2)}`, "can match nothing, '~' is not the home directory here")
  if (parts.includes('..'))
    return `'${pattern}' can match nothing: a pattern cannot lead upwards, and none leads out of the root`
  if (parts.some((part) => part === '.' || part === ''))
    return meant(withoutDots(text), "can match nothing with '.' or an empty name in it")
  return null
}

/**
 * The rest of a pattern that begins with the path of its own root. Where the root holds such a path the pattern means
 * that path; for a root such as /app the two cannot be told apart while the root is empty.
 */
function belowRoot(text: string, rootPath: string): string | null {
  for (const path of new Set([rootPath, realPath(rootPath)])) {
    const top = path.slice(1)
    const rest = text.replace(/^\//, '')
    if (top === '' || (rest !== top && !rest.startsWith(`${top}/`))) continue
    if (existsSync(join(path, top))) continue
    const inside = rest.slice(top.length)
    if (!top.includes('/') && !existsSync(join(path, literalStart(inside)))) continue
    return inside === '/' ? '' : inside
  }
  return null
}

/**
 * The same for an absolute path that leads into the root through a symlink, or by another mount of it: the directories on
 * its way tell.
 */
function byAnotherWay(text: string, rootPath: string): string | null {
  const root = identityOf(rootPath)
  if (!text.startsWith('/') || root === null) return null
  const names = text.split('/').filter((name) => name !== '')
  for (const depth of names.keys()) {
    const way = `/${names.slice(0, depth + 1).join('/')}`
    const found = identityOf(way)
    if (found === null) return null
    if (found !== root) continue
    const inside = text.slice(way.length)
    const isName = depth === 0 && !existsSync(join(rootPath, literalStart(inside)))
    return isName || existsSync(join(rootPath, way)) ? null : inside
  }
  return null
}

/** Null when nothing is there, or it cannot be looked at. */
function identityOf(path: string): string | null {
  try {
    const status = statSync(path, { bigint: true, throwIfNoEntry: false })
    return status === undefined ? null : `${status.dev}:${status.ino}`
  } catch {
    // What may not be looked at tells of no other way.
    return null
  }
}

/** The names in front of the first wildcard. */
function literalStart(path: string): string {
  const names = path.split('/').filter((name) => name !== '')
  const end = names.findIndex((name) => /[*?[\\]/.test(name))
  const literal = end < 0 ? names : names.slice(0, end)
  return literal.length === 0 ? '\0none' : literal.join('/')
}

function withoutDots(text: string): string {
  const names = text.split('/').filter((name) => name !== '.' && name !== '')
  if (names.length === 0) return ''
  return `/${names.join('/')}${text.endsWith('/') ? '/' : ''}`
}

function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    // It does not exist yet, or cannot be read: the configured path is used.
    return path
  }
}
