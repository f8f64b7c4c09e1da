/** Holds and releases of every root, and the rounds in which releases came to the receivers. */
import { count } from '@rootferry/host/numbers'
import { HoldPanel } from '../parts/hold.tsx'
import { RoundReport } from '../parts/round.tsx'
import { useFleet } from '../parts/session.tsx'

export function Deploys() {
  const { roots, rounds } = useFleet()
  return (
    <main>
      <h1>Deploys</h1>
      <p>
        A held root sends nothing. Its release comes to all receivers at once: each has staged it before the first shows
        it. At the command line, <code>rootferry-agent deploy ROOT -- COMMAND</code> does both.
      </p>
      {[...roots.values()].map((root) => (
        <article key={root.name} class="panel">
          <h2>
            <a href={`#/roots/${root.name}`}>{root.name}</a>
          </h2>
          <HoldPanel root={root} />
        </article>
      ))}
      <section>
        <h2>Rounds</h2>
        {rounds.size === 0 ? (
          <p class="quiet">None in this life of the agent.</p>
        ) : (
          <ul class="cards wide">
            {[...rounds.values()].map((round) => (
              <li key={round.id} class="card">
                <h3>
                  <a href={`#/roots/${round.root}`}>{round.root}</a>
                  <span class="quiet number">
                    {count(round.from)} to {count(round.to)}
                  </span>
                </h3>
                <RoundReport round={round} />
              </li>
            ))}
          </ul>
        )}
      </section>
    </main>
  )
}
