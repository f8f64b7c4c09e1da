/** Names and values, as a list that wraps. */
export interface Fact {
  name: string
  value: preact.ComponentChildren
  /** Stands out. */
  isGrave?: boolean
}

export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(({ name, value, isGrave = false }) => (
        <div key={name} class={isGrave ? 'grave' : undefined}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
