/**
 * A change is one path's new state; a changeset is the atomic group of the changes of one sequence range.
 *
 *   changeset ── segment 0 ── segment 1 ── … ── commit
 *                 │ header: changes, with every attribute (the manifest)
 *                 └ tar archive: the content of those changes that carry any
 *
 * The manifest is the authority: a tar entry's name is the ordinal of its change within the segment's `changes`, and
 * all its other fields are constants (see SEGMENT_TAR). A file too big for one segment travels as slices: segments of
 * one tar entry each, named `slice`, in order of offset; its change comes with the last of them. A slice can be
 * described as a delta to the file that the receiver already has: then only its new bytes travel.
 */
import Type, { type Static } from 'typebox'
import { Count, Digest, EntryPath, LinkTarget, Mode, MtimeUs, OwnerId, Sequence } from './entry.ts'
import { LIMITS } from './limits.ts'
import { Extended } from './preserved.ts'

const closed = { additionalProperties: false } as const
const attributes = {
  mode: Mode,
  uid: OwnerId,
  gid: OwnerId,
  mtime: MtimeUs,
  /** Of what the root preserves; absent: none. */
  extended: Type.Optional(Extended),
}

/**
 * Where a file's content comes from:
 * - `tar`: an entry of this segment's archive;
 * - `slices`: the slices that came before, of the content number in `slice.content`;
 * - `keep`: the content that the receiver already has at this path; only attributes changed;
 * - `{ copy }`: the content that the receiver had at another path before this changeset. When `keep` or `copy` does not
 *   hold (the receiver's file is gone or differs), the receiver asks for the path with a want.
 */
export const ContentSource = Type.Union([
  Type.Literal('tar'),
  Type.Literal('slices'),
  Type.Literal('keep'),
  Type.Object({ copy: EntryPath }, closed),
])
export type ContentSource = Static<typeof ContentSource>

export const AbsentChange = Type.Object({ path: EntryPath, kind: Type.Literal('absent') }, closed)
export const DirectoryChange = Type.Object({ path: EntryPath, kind: Type.Literal('directory'), ...attributes }, closed)
export const SymlinkChange = Type.Object(
  { path: EntryPath, kind: Type.Literal('symlink'), ...attributes, target: LinkTarget },
  closed,
)
export const FileChange = Type.Object(
  {
    path: EntryPath,
    kind: Type.Literal('file'),
    ...attributes,
    size: Count,
    digest: Digest,
    source: ContentSource,
    /** The file becomes another name of the one at this path, if that holds the same; only in the answer to a want. */
    link: Type.Optional(EntryPath),
  },
  closed,
)
/** Another name of the file at `to`, as that is after the changeset: of this size and time. */
export const LinkChange = Type.Object(
  { path: EntryPath, kind: Type.Literal('link'), to: EntryPath, size: Count, mtime: MtimeUs },
  closed,
)
export const Change = Type.Union([AbsentChange, DirectoryChange, SymlinkChange, FileChange, LinkChange])

/** A change that goes ahead of others: it takes no content from elsewhere, and leads to nothing. */
export const AheadChange = Type.Union([
  AbsentChange,
  DirectoryChange,
  Type.Object(
    {
      path: EntryPath,
      kind: Type.Literal('file'),
      ...attributes,
      size: Count,
      digest: Digest,
      source: Type.Union([Type.Literal('tar'), Type.Literal('keep')]),
    },
    closed,
  ),
])

export type AheadChange = Static<typeof AheadChange>
export type AbsentChange = Static<typeof AbsentChange>
export type DirectoryChange = Static<typeof DirectoryChange>
export type SymlinkChange = Static<typeof SymlinkChange>
export type FileChange = Static<typeof FileChange>
export type LinkChange = Static<typeof LinkChange>
export type Change = Static<typeof Change>

/**
 * `[from, length]`: `length` bytes of the base, beginning at `from`; `[null, length]`: the next bytes of the archive's
 * entry.
 */
export const Step = Type.Tuple([Type.Union([Count, Type.Null()]), Count])
export type Step = Static<typeof Step>

/**
 * How a slice is made from a base file of `base` bytes: the file that the receiver had at the path before this
 * changeset.
 */
export const Delta = Type.Object(
  { base: Count, steps: Type.Array(Step, { minItems: 1, maxItems: LIMITS.sliceSteps }) },
  closed,
)
export type Delta = Static<typeof Delta>

/**
 * The part of a file's content that a slice segment carries. `content` names one version of a file's bytes in an epoch.
 * Without a delta the archive's entry is the part; with one it holds only what the base lacks.
 */
export const Slice = Type.Object(
  {
    path: EntryPath,
    content: Sequence,
    offset: Count,
    length: Count,
    size: Count,
    delta: Type.Union([Delta, Type.Null()]),
  },
  closed,
)
export type Slice = Static<typeof Slice>

/** Bytes of the slice that travel, which is the size of its archive entry. With 0 there is no entry. */
export function carriedBytes({ length, delta }: Pick<Slice, 'length' | 'delta'>): number {
  if (delta === null) return length
  return delta.steps.reduce((sum, [from, bytes]) => sum + (from === null ? bytes : 0), 0)
}

/** Name of the only tar entry of a slice segment. */
export const SLICE_ENTRY = 'slice'

/**
 * The fields of every tar entry: constant, because the manifest is the authority, and so that equal content packs to
 * equal bytes.
 */
export const SEGMENT_TAR = { mode: 0o644, uid: 0, gid: 0, mtime: new Date(0), type: 'file' } as const
