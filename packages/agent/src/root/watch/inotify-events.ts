/**
 * inotify's events as the kernel writes them, and the parts of them that are used. Pure.
 *
 *   watch(32) · mask(32) · cookie(32) · length(32) · name, filled up with NUL to `length`
 *
 * The numbers are little-endian, as on every architecture for which there are libc calls. A name that is not valid
 * UTF-8 is decoded with U+FFFD, as in node:fs.
 */

const HEADER_BYTES = 16

export const EVENT = {
  modified: 0x2,
  attributes: 0x4,
  movedFrom: 0x40,
  movedTo: 0x80,
  created: 0x100,
  deleted: 0x200,
  selfDeleted: 0x400,
  selfMoved: 0x800,
  /** The filesystem was unmounted. */
  unmounted: 0x2000,
  /** The queue was full: events of unknown watches are lost. */
  overflow: 0x4000,
  /** The watch has ended: it was removed, or its directory was. */
  ignored: 0x8000,
  /** The event is about a directory. */
  directory: 0x40000000,
} as const

const ONLY_DIRECTORIES = 0x01000000

/** The events that a watch asks for; a file that is held open reports `modified` for each write. */
export const WATCH_MASK =
  EVENT.modified |
  EVENT.attributes |
  EVENT.movedFrom |
  EVENT.movedTo |
  EVENT.created |
  EVENT.deleted |
  EVENT.selfDeleted |
  EVENT.selfMoved |
  ONLY_DIRECTORIES

/** @param note called for each event; `name` is null when the event is about the watched directory itself */
export function readEvents(
  events: Uint8Array<ArrayBuffer>,
  note: (watch: number, mask: number, name: string | null) => void,
): void {
  const bytes = Buffer.from(events.buffer, events.byteOffset, events.byteLength)
  for (let at = 0; at + HEADER_BYTES <= bytes.byteLength; ) {
    const length = bytes.readUInt32LE(at + 12)
    const begin = at + HEADER_BYTES
    const next = begin + length
    let end = begin
    while (end < next && bytes[end] !== 0) end += 1
    note(bytes.readInt32LE(at), bytes.readUInt32LE(at + 4), end === begin ? null : bytes.toString('utf8', begin, end))
    at = next
  }
}
