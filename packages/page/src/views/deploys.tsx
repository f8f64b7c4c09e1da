/** Holds and releases of every root, and the rounds in which releases came to the receivers. */
import { HoldPanel } from '../parts/hold.tsx'
import { useFleet } from '../parts/session.tsx'

export function Deploys() {
  const { roots } = useFleet()
  return (
    <main>
      <h1>Deploys</h1>
      <p>
        A held root sends nothing. Its release comes to all receivers at once: each has staged it before any shows it.
        At the command line, <code>rootferry-agent deploy ROOT -- COMMAND</code> does both.
      </p>
      {[...roots.values()].map((root) => (
        <article key={root.name} class="panel">
          <h2>
            <a href={`#/roots/${root.name}`}>{root.name}</a>
          </h2>
          <HoldPanel root={root} />
        </article>
      ))}
    </main>
  )
}
