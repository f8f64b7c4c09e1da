/** One root: what is in it, what stops or holds it, how fast its changes travel, and the changes as they come. */
import type { HistoryAnswer } from '@rootferry/agent/api'
import { count, duration, size } from '@rootferry/host/numbers'
import { Action } from '../parts/action.tsx'
import { Changes } from '../parts/changes.tsx'
import { Chart } from '../parts/chart.tsx'
import { type Fact, Facts } from '../parts/facts.tsx'
import { HoldPanel } from '../parts/hold.tsx'
import { Mark } from '../parts/mark.tsx'
import { Message, PathName } from '../parts/name.tsx'
import { ReceiverRows } from '../parts/receiver-rows.tsx'
import { useFleet } from '../parts/session.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { post } from '../state/api.ts'
import type { Root } from '../state/fleet.ts'
import { byGravity, ROOT_WORDS, rootTone } from '../state/words.ts'

export function RootView({ root: name }: { root: string }) {
  const fleet = useFleet()
  const root = fleet.roots.get(name)
  if (root === undefined)
    return (
      <main>
        <h1>{name}</h1>
        <p>
          The agent serves no root of that name. <a href="#/">Overview</a>
        </p>
      </main>
    )
  const receivers = [...fleet.receivers.values()].filter((each) => each.root === name).sort(byGravity)
  return (
    <main>
      <nav aria-label="where this is" class="crumbs">
        <a href="#/">Overview</a>
      </nav>
      <div class="titled">
        <h1>{name}</h1>
        <Mark tone={rootTone(root)} word={root.hold === null ? root.state : `${root.state}, held`} />
      </div>
      <p>{root.hold === null ? ROOT_WORDS[root.state].meaning : 'What changes is not sent before the release.'}</p>
      {root.reason !== null && (
        <p class="detail grave">
          <Message text={root.reason} />
        </p>
      )}
      {root.state === 'halted' && <Accept root={root} />}
      <Facts facts={factsOf(root)} />
      {root.hold !== null && <HoldPanel key="hold" root={root} />}
      <Hooks root={root} />
      <Problems root={root} />
      <Latency root={root} />
      <section>
        <h2>Changes</h2>
        <Changes key={`${name} ${root.epoch}`} root={name} head={root.sequence} receivers={receivers} />
      </section>
      <section>
        <div class="section-head">
          <h2>
            Receivers <span class="quiet number">{count(receivers.length)}</span>
          </h2>
          <a href={`#/resyncs?root=${encodeURIComponent(name)}`}>Compare them with the source</a>
        </div>
        <ReceiverRows receivers={receivers} namesRoot={false} />
      </section>
      {root.hold === null && <HoldPanel key="hold" root={root} />}
    </main>
  )
}

function factsOf({ entries, sequence, watch }: Root): Fact[] {
  return [
    { name: 'files', value: count(entries.files) },
    { name: 'directories', value: count(entries.directories) },
    { name: 'links', value: count(entries.symlinks) },
    { name: 'content', value: size(entries.bytes) },
    { name: 'sequence', value: count(sequence) },
    {
      name: 'watched by',
      value: watch.degraded === null ? (watch.backend ?? '-') : 'scans',
      isGrave: watch.degraded !== null,
    },
  ]
}

function Accept({ root: { name } }: { root: Root }) {
  return (
    <p>
      <Action
        label="Accept and go on"
        kind="danger"
        question={{
          title: `Let ${name} go on as it is?`,
          text: 'Everything that is gone from the source will be deleted on every receiver. Accept it only if it was to go.',
        }}
        act={() => post(`/v1/roots/${encodeURIComponent(name)}/guard/accept`)}
      />
    </p>
  )
}

function Hooks({ root: { hooks } }: { root: Root }) {
  if (hooks.length === 0) return null
  return (
    <section>
      <h2>Hooks</h2>
      <ul class="paths">
        {hooks.map(({ command, runs, failures, isDue, lastError }) => (
          <li key={command}>
            <code>{command}</code>{' '}
            <span class="quiet">
              {count(runs)} runs, {count(failures)} failed{isDue ? ', due now' : ''}
            </span>
            {lastError !== null && (
              <p class="detail grave">
                <Message text={lastError} />
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  )
}

function Problems({ root }: { root: Root }) {
  const { problemCount, problems } = root
  // An event says how many there are; the status says which.
  const { answer } = useAnswer<{ roots: Root[] }>(problems === null ? '/v1/status' : null, problemCount)
  if (problemCount === 0) return null
  const named = problems ?? answer?.roots.find(({ name }) => name === root.name)?.problems ?? []
  return (
    <section>
      <h2>
        Paths that cannot be sent <span class="quiet number">{count(problemCount)}</span>
      </h2>
      <ul class="paths">
        {named.map(({ path, code, message }) => (
          <li key={path}>
            <PathName path={path} /> <span class="code">{code}</span>{' '}
            <span class="quiet">
              <Message text={message} />
            </span>
          </li>
        ))}
        {problemCount > named.length && <li class="quiet">and {count(problemCount - named.length)} more</li>}
      </ul>
    </section>
  )
}

function Latency({ root: { name, interval } }: { root: Root }) {
  const { answer } = useAnswer<HistoryAnswer>(`/v1/roots/${encodeURIComponent(name)}/history`, interval)
  if (answer === null) return null
  const { p50, p99, commits } = answer.latency
  const total = commits.reduce((sum: number, value) => sum + (value ?? 0), 0)
  const [half, most] = [p50, p99].map((series) => series.findLast((value) => value !== null) ?? null)
  return (
    <section>
      <h2>From a save to every receiver, in the last hour</h2>
      {total === 0 || half === null || most === null || half === undefined || most === undefined ? (
        <p class="quiet">Nothing was measured in that time.</p>
      ) : (
        <>
          <p class="quiet">
            Half of them within <strong>{brief(half)}</strong>, 99 of 100 within <strong>{brief(most)}</strong> when it
            was last measured; {count(Math.round(total))} commits in all.
          </p>
          <Chart
            summary={`Latency of ${name} in the last hour: half within ${brief(half)}, 99 of 100 within ${brief(most)}.`}
            history={answer}
            lines={[
              { label: 'half within', values: p50, isMain: true },
              { label: '99 of 100 within', values: p99, isMain: false },
            ]}
            format={brief}
          />
        </>
      )}
    </section>
  )
}

function brief(seconds: number): string {
  return seconds < 1
    ? `${Math.round(seconds * 1_000)} ms`
    : seconds < 10
      ? `${seconds.toFixed(1)} s`
      : duration(seconds)
}
