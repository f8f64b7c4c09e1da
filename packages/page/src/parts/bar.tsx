/** How much is done. */
export function Bar({ label, share }: { label: string; share: number }) {
  const percent = Math.floor(share * 100)
  return (
    <div class="bar-line">
      <progress class="bar" max={100} value={percent} aria-label={label} />
      <span class="number">{percent} %</span>
    </div>
  )
}
