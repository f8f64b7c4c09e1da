/**
 * Summaries: a digest of each directory's entries, by which a receiver finds out in which directories it may differ,
 * without a listing of the others.
 *
 * Both ends make the same text of a directory: the fields of one entry after another, each followed by a NUL, entries in
 * the order of their names' bytes. docs/protocol.md says which fields. Content is not among them.
 */
import { Buffer } from 'node:buffer'
import { hash } from 'node:crypto'
import Type, { type Static } from 'typebox'
import { Count, EntryPath } from './entry.ts'
import { LIMITS } from './limits.ts'
import { joinPath, ROOT_PATH } from './path.ts'

/** Enough that two directories have the same one only when they are the same. */
const DIGEST_CHARACTERS = 22
const SURROGATE = /[\ud800-\udfff]/

/**
 * `[common, rest, entries, digest]`: the path is the first `common` components of the path before it in the message, and
 * `rest`. Without a digest the agent cannot say what is in the directory: it must be listed.
 */
export const DirectorySummary = Type.Tuple([
  Type.Integer({ minimum: 0, maximum: LIMITS.pathBytes >> 1 }),
  EntryPath,
  Count,
  Type.Union([
    Type.String({
      minLength: DIGEST_CHARACTERS,
      maxLength: DIGEST_CHARACTERS,
      pattern: `^[A-Za-z0-9_-]{${DIGEST_CHARACTERS}}$`,
    }),
    Type.Null(),
  ]),
])
export type DirectorySummary = Static<typeof DirectorySummary>

/** What a summary says of an entry. */
export interface SummarizedEntry {
  name: string
  letter: 'f' | 'd' | 'l'
  /** 0 for a symlink. */
  mode: number
  /** Both 0 when owners are left out. */
  uid: number
  gid: number
  mtime: number
  /** The size of a file, the target of a symlink, and nothing of a directory. */
  rest: number | string
}

/** @param entries in any order, their names all different */
export function directoryDigest(entries: SummarizedEntry[]): string {
  let text = ''
  for (const { name, letter, mode, uid, gid, mtime, rest } of entries.sort(byName))
    text += `${name}\0${letter}\0${mode}\0${uid}\0${gid}\0${mtime}\0${rest}\0`
  return hash('sha256', text, 'base64url').slice(0, DIGEST_CHARACTERS)
}

/** Code units are in the order of the bytes, but for surrogates. */
function byName({ name: a }: SummarizedEntry, { name: b }: SummarizedEntry): number {
  if (SURROGATE.test(a) || SURROGATE.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return a < b ? -1 : 1
}

/** @param before the path before it in the message, or null. @returns `common` and `rest` */
export function shortened(path: string, before: string | null): [common: number, rest: string] {
  if (before === null || before === ROOT_PATH || path === ROOT_PATH) return [0, path]
  const [ours, theirs] = [path.split('/'), before.split('/')]
  let common = 0
  while (common < ours.length - 1 && ours[common] === theirs[common]) common += 1
  return [common, ours.slice(common).join('/')]
}

/** Takes back `shortened`. @returns null when no such path can have been meant */
export function lengthened(common: number, rest: string, before: string | null): string | null {
  if (common === 0) return rest
  const components = before === null || before === ROOT_PATH ? [] : before.split('/')
  const path = joinPath(components.slice(0, common).join('/'), rest)
  return common > components.length || rest === ROOT_PATH || Buffer.byteLength(path) > LIMITS.pathBytes ? null : path
}
