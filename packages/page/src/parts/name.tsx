/**
 * A name from a disk, as text: what is invisible or turns lines around is shown escaped, and set off, so that nobody
 * takes it for letters. A message of a daemon may hold such a name.
 */
import { printable } from '@rootferry/host/printable'

/** What `printable` makes of a character; a backslash of the name itself is doubled. Spaces that would not be seen. */
const MARKED = /(\\u[0-9a-f]{4}|\\n|\\t|\\\\)|((?<=^|\/) +| +(?=$|\/)| {2,})/g

export function PathName({ path }: { path: string }) {
  const text = printable(path)
  const parts: preact.ComponentChildren[] = []
  let end = 0
  for (const found of text.matchAll(MARKED)) {
    const [marked, escaped] = found
    parts.push(text.slice(end, found.index))
    parts.push(<span class={escaped === undefined ? 'spaces' : 'escaped'}>{marked}</span>)
    end = found.index + marked.length
  }
  return (
    <bdi class="path">
      {parts}
      {text.slice(end)}
    </bdi>
  )
}

/** What a daemon says, with the names in it. Its backslashes stay as they are: a daemon may have escaped the name already. */
export function Message({ text }: { text: string }) {
  return <bdi>{text.split('\\').map(printable).join('\\')}</bdi>
}
