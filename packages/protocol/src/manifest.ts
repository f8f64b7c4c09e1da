/**
 * Listings: the agent's index as a receiver reads it during a resync, directory by directory.
 *
 * Entries are tuples because there can be a million of them; docs/protocol.md fixes the order of the fields too. A
 * directory that does not fit into one listing continues in the next one. `complete` marks its last part: from then on
 * the receiver knows every name that is not in the directory.
 */
import Type, { type Static } from 'typebox'
import { Count, Digest, EntryPath, LinkTarget, Mode, MtimeUs, OwnerId } from './entry.ts'
import { LIMITS } from './limits.ts'
import { isEntryPath } from './path.ts'
import { Extended } from './preserved.ts'

/** One component of an entry path, or `.` for the root itself. */
const Name = Type.Refine(
  Type.String({ minLength: 1, maxLength: LIMITS.nameBytes, pattern: '^[^/\\u0000]+$' }),
  isEntryPath,
  () => 'is not a name',
)
const attributes = [Mode, OwnerId, OwnerId, MtimeUs] as const

/** `[name, 'f', mode, uid, gid, mtime, size, digest or null]`; digests only when the request asked for them. */
export const ListedFile = Type.Tuple([Name, Type.Literal('f'), ...attributes, Count, Type.Union([Digest, Type.Null()])])
/** `[name, 'd', mode, uid, gid, mtime]`. The root itself is the entry `.` of the directory with the empty path. */
export const ListedDirectory = Type.Tuple([Name, Type.Literal('d'), ...attributes])
/** `[name, 'l', mode, uid, gid, mtime, target]` */
export const ListedSymlink = Type.Tuple([Name, Type.Literal('l'), ...attributes, LinkTarget])
/** `[name, 'u']`: not a directory, but changing, or unreadable for now. It counts as neither missing nor extraneous. */
export const ListedUnsettled = Type.Tuple([Name, Type.Literal('u')])
export const ListedEntry = Type.Union([ListedFile, ListedDirectory, ListedSymlink, ListedUnsettled])
export type ListedEntry = Static<typeof ListedEntry>

/** The path of the pseudo-directory that holds the root's own entry. */
export const ABOVE_ROOT = ''

export const ListedChildren = Type.Object(
  {
    path: Type.Union([EntryPath, Type.Literal(ABOVE_ROOT)]),
    entries: Type.Array(ListedEntry, { maxItems: LIMITS.listingEntries }),
    complete: Type.Boolean(),
    /** What the root preserves of those among these entries that have any. */
    extended: Type.Optional(Type.Array(Type.Tuple([Name, Extended]), { maxItems: LIMITS.listingEntries })),
    /** Of those that are other names of a file, the name under which that is listed as a file of its own. */
    links: Type.Optional(Type.Array(Type.Tuple([Name, EntryPath]), { maxItems: LIMITS.listingEntries })),
  },
  { additionalProperties: false },
)
export type ListedChildren = Static<typeof ListedChildren>
