/**
 * A name from a disk, as text: what is invisible or turns lines around is shown escaped, and set off, so that nobody
 * takes it for letters.
 */
import { printable } from '@rootferry/host/printable'

/** What `printable` makes of a character; a backslash of the name itself is doubled. */
const ESCAPED = /(\\u[0-9a-f]{4}|\\n|\\t|\\\\)/

export function PathName({ path }: { path: string }) {
  const parts = printable(path).split(ESCAPED)
  return (
    <bdi class="path">
      {parts.map((part, at) => (at % 2 === 1 ? <span class="escaped">{part}</span> : spaced(part)))}
    </bdi>
  )
}

/** Spaces at the ends would not be seen, and a browser would join those that follow each other. */
function spaced(text: string) {
  return /^ | $| {2}/.test(text) ? <span class="spaces">{text}</span> : text
}
