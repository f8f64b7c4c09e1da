/**
 * A name from a disk, as text: what is invisible or turns lines around is shown escaped, and set off, so that nobody
 * takes it for letters. A message of a daemon may hold such a name.
 */
import { printable } from '@rootferry/host/printable'

/** What `printable` makes of a character; a backslash of the name itself is doubled. Spaces that would not be seen. */
const MARKED = /(\\u[0-9a-f]{4}|\\n|\\t|\\\\)|((?<=^|\/) +| +(?=$|\/)| {2,})/g

export function PathName({ path }: { path: string }) {
  const text = printable(path)
  const end = text.lastIndexOf('/') + 1
  return (
    <bdi class="path">
      {end > 0 && <span class="directory">{marked(text.slice(0, end))}</span>}
      <span>{marked(text.slice(end))}</span>
    </bdi>
  )
}

function marked(text: string): preact.ComponentChildren[] {
  const parts: preact.ComponentChildren[] = []
  let end = 0
  for (const found of text.matchAll(MARKED)) {
    const [whole, escaped] = found
    parts.push(text.slice(end, found.index))
    parts.push(<span class={escaped === undefined ? 'spaces' : 'escaped'}>{whole}</span>)
    end = found.index + whole.length
  }
  return [...parts, text.slice(end)]
}

/** What a daemon says, with the names in it. Its backslashes stay as they are: a daemon may have escaped the name already. */
export function Message({ text }: { text: string }) {
  return <bdi>{text.split('\\').map(printable).join('\\')}</bdi>
}
