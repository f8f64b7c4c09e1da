/** One receiver: how far it is with each of its roots, what it cannot make right, and what its lag was. */
import type { HistoryAnswer, ReceiverStatus } from '@rootferry/agent/api'
import { count, duration, size } from '@rootferry/host/numbers'
import { Bar } from '../parts/bar.tsx'
import { Chart } from '../parts/chart.tsx'
import { Ago } from '../parts/clock.tsx'
import { CommandLine } from '../parts/command.tsx'
import { Facts } from '../parts/facts.tsx'
import { Mark } from '../parts/mark.tsx'
import { Message, PathName } from '../parts/name.tsx'
import { useFleet } from '../parts/session.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { RECEIVER_WORDS, toneOf } from '../state/words.ts'

export function ReceiverView({ receiver: name }: { receiver: string }) {
  const { receivers } = useFleet()
  const own = [...receivers.values()].filter((each) => each.name === name)
  return (
    <main>
      <nav aria-label="where this is" class="crumbs">
        <a href="#/">Overview</a>
      </nav>
      <h1>{name}</h1>
      {own.length === 0 && <p>There is no receiver of that name: its token was revoked, or it was forgotten.</p>}
      {own.map((receiver) => (
        <OfRoot key={receiver.root} receiver={receiver} />
      ))}
    </main>
  )
}

function OfRoot({ receiver }: { receiver: ReceiverStatus }) {
  const { name, root, state, lag, toCome, owed, trash, clash, transport, region, connectedAt, lastSeenAt, lastError } =
    receiver
  const isAway = state === 'offline' || state === 'expected'
  const trouble = clash ?? lastError
  return (
    <section aria-label={`${name}, ${root}`}>
      <div class="titled">
        <h2>
          <a href={`#/roots/${root}`}>{root}</a>
        </h2>
        <Mark tone={toneOf(receiver)} word={state} />
      </div>
      <p>
        {owed.count > 0 && state === 'live' ? 'It has everything but the paths below.' : RECEIVER_WORDS[state].meaning}
      </p>
      {trouble !== null && (
        <p class="detail grave">
          <Message text={trouble} />
        </p>
      )}
      {toCome.share !== null && <Bar label="sent of what it missed" share={toCome.share} />}
      <Facts
        facts={[
          { name: 'changes behind', value: count(lag.sequences), isGrave: isAway && lag.sequences > 0 },
          { name: 'behind for', value: lag.sequences === 0 ? '-' : duration(lag.seconds) },
          { name: 'content to come', value: toCome.bytes === 0 ? '-' : size(toCome.bytes) },
          { name: 'committed', value: count(receiver.sequence) },
          { name: 'synced to disk', value: count(receiver.durableSequence) },
          ...(trash === null ? [] : [{ name: 'in its trash', value: <Trash trash={trash} /> }]),
          isAway
            ? { name: 'last seen', value: <Ago time={lastSeenAt} /> }
            : { name: 'connected', value: <Ago time={connectedAt} /> },
          ...(transport === 'nats'
            ? [{ name: 'reads', value: region === null ? 'the log on NATS' : `the log in ${region}` }]
            : []),
        ]}
      />
      {owed.count > 0 && <Owed owed={owed} />}
      <LagHistory receiver={receiver} />
      <p>
        <a href={`#/resyncs?root=${encodeURIComponent(root)}&receiver=${encodeURIComponent(name)}`}>
          Compare it with the source
        </a>
      </p>
      {state === 'awaiting-accept' && <CommandLine host={name} text={`rootferry-receiver accept ${root}`} />}
      <h3>On its host</h3>
      <CommandLine host={name} text="rootferry-receiver status" />
      <CommandLine host={name} text={`rootferry-receiver trash list ${root}`} />
    </section>
  )
}

/** What it keeps of what it has replaced or removed. */
function Trash({ trash: { batches, bytes, oldestAt } }: { trash: NonNullable<ReceiverStatus['trash']> }) {
  if (batches === 0) return <>-</>
  return (
    <>
      {size(bytes)} of {count(batches)} {batches === 1 ? 'occasion' : 'occasions'}, oldest <Ago time={oldestAt} />
    </>
  )
}

function Owed({ owed }: { owed: ReceiverStatus['owed'] }) {
  const more = owed.count - owed.paths.length
  return (
    <>
      <h3>
        Paths that it cannot make right <span class="quiet number">{count(owed.count)}</span>
      </h3>
      <ul class="paths">
        {owed.paths.map(({ path, code }) => (
          <li key={path}>
            <PathName path={path} /> <span class="code">{code}</span>
          </li>
        ))}
        {more > 0 && <li class="quiet">and {count(more)} more</li>}
      </ul>
      <p>Remove the obstacle on that host, or protect the path. The receiver tries again by itself.</p>
    </>
  )
}

/** Steps of an axis in seconds. */
const SECONDS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400]

function LagHistory({ receiver: { root, name } }: { receiver: ReceiverStatus }) {
  const path = `/v1/roots/${encodeURIComponent(root)}/history?receiver=${encodeURIComponent(name)}`
  const { answer } = useAnswer<HistoryAnswer>(path, useFleet().roots.get(root)?.interval)
  if (answer === null || answer.lag === null) return null
  const { seconds } = answer.lag
  const worst = Math.max(0, ...seconds.map((value) => value ?? 0))
  return (
    <>
      <h3>How far behind it was, in the last hour</h3>
      <Chart
        summary={`Lag of ${name} in the last hour: at most ${duration(worst)}.`}
        history={answer}
        lines={[{ label: 'behind', values: seconds, isMain: true }]}
        steps={SECONDS}
        format={(value) => (value === 0 ? '0 s' : duration(value))}
      />
    </>
  )
}
