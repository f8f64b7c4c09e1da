/**
 * A list of which only what is seen is in the document: a hundred thousand rows scroll as smoothly as ten.
 *
 * INVARIANT: every row is as high as the style sheet's `--row`, which is read anew when the width changes.
 */
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

export interface VirtualListProps<Item> {
  label: string
  items: readonly Item[]
  keyOf(item: Item): string
  render(item: Item): preact.ComponentChildren
}

/** Shorter lists are simply there. */
const MOST_PLAIN = 60
const MARGIN_ROWS = 8
const USUAL_ROW_PX = 44

export function VirtualList<Item>({ label, items, keyOf, render }: VirtualListProps<Item>) {
  const box = useRef<HTMLUListElement>(null)
  const [view, setView] = useState({ top: 0, height: 600, row: USUAL_ROW_PX })
  const isPlain = items.length <= MOST_PLAIN
  useLayoutEffect(() => {
    const list = box.current
    if (list === null || isPlain) return
    const look = () => {
      const row = Number.parseFloat(getComputedStyle(list).getPropertyValue('--row')) || USUAL_ROW_PX
      setView({ top: list.scrollTop, height: list.clientHeight, row })
    }
    look()
    const seen = new ResizeObserver(look)
    seen.observe(list)
    list.addEventListener('scroll', look, { passive: true })
    return () => {
      seen.disconnect()
      list.removeEventListener('scroll', look)
    }
  }, [isPlain])
  if (isPlain)
    return (
      <ul class="rows" aria-label={label}>
        {items.map((item) => (
          <li key={keyOf(item)}>{render(item)}</li>
        ))}
      </ul>
    )
  const first = Math.max(0, Math.floor(view.top / view.row) - MARGIN_ROWS)
  const last = Math.min(items.length, Math.ceil((view.top + view.height) / view.row) + MARGIN_ROWS)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard
    <ul class="rows virtual" aria-label={label} ref={box} tabIndex={0}>
      <li class="space" aria-hidden="true" style={{ height: `${first * view.row}px` }} />
      {items.slice(first, last).map((item, at) => (
        <li key={keyOf(item)} aria-setsize={items.length} aria-posinset={first + at + 1}>
          {render(item)}
        </li>
      ))}
      <li class="space" aria-hidden="true" style={{ height: `${(items.length - last) * view.row}px` }} />
    </ul>
  )
}
