/** A root's hold: begin one, see what waits, release it, and who then had it when. */
import type { HeldAnswer, ReleasedAnswer } from '@rootferry/agent/api'
import { count, size } from '@rootferry/host/numbers'
import { useState } from 'preact/hooks'
import { ApiProblem, post } from '../state/api.ts'
import type { Root } from '../state/fleet.ts'
import { releaseWord } from '../state/words.ts'
import { Action } from './action.tsx'
import { Ago } from './clock.tsx'
import { Facts } from './facts.tsx'
import { Message, PathName } from './name.tsx'
import { RoundReport } from './round.tsx'
import { useFleet, useSession } from './session.tsx'

export function HoldPanel({ root }: { root: Root }) {
  const [released, setReleased] = useState<ReleasedAnswer | null>(null)
  const { name, hold } = root
  return (
    <section aria-label={`hold of ${name}`}>
      <h2>{hold === null ? 'Hold' : 'Held'}</h2>
      {hold === null ? <NotHeld root={root} /> : <Held name={name} hold={hold} released={setReleased} />}
      {released !== null && <Outcome released={released} />}
    </section>
  )
}

function NotHeld({ root: { name, state } }: { root: Root }) {
  const { access } = useSession()
  const [reason, setReason] = useState('')
  const [minutes, setMinutes] = useState(15)
  if (state !== 'ready') return <p class="quiet">It is {state}, and can be held when it is ready.</p>
  if (access === 'read') return <p class="quiet">It is not held: every change is sent as it comes.</p>
  const act = async () => {
    await post<HeldAnswer>(`/v1/roots/${encodeURIComponent(name)}/hold`, { reason, forSeconds: minutes * 60 })
    setReason('')
  }
  return (
    <>
      <p>Before a deploy: nothing that changes from then on is sent, until the release shows all of it at once.</p>
      <div class="form-line">
        <label>
          What for
          <input value={reason} maxLength={1_000} onInput={(event) => setReason(event.currentTarget.value)} />
        </label>
        <label class="short">
          For minutes
          <input
            type="number"
            min={1}
            max={10_080}
            value={minutes}
            onInput={(event) => setMinutes(Math.max(1, Number(event.currentTarget.value)))}
          />
        </label>
        <Action label="Hold" act={act} />
      </div>
    </>
  )
}

interface HeldProps {
  name: string
  hold: NonNullable<Root['hold']>
  released(answer: ReleasedAnswer): void
}

function Held({ name, hold, released }: HeldProps) {
  const { id, by, since, reason, overdue, refused, pending } = hold
  const { access } = useSession()
  const [loss, setLoss] = useState<string | null>(null)
  const [waits, setWaits] = useState<ReleasedAnswer | null>(null)
  const [isRolling, setRolling] = useState(false)
  const path = `/v1/roots/${encodeURIComponent(name)}/release`
  const look = async () => setWaits(await post<ReleasedAnswer>(path, { dryRun: true }))
  const release = async (acceptLosses: boolean) => {
    try {
      released(await post<ReleasedAnswer>(path, { acceptLosses, rolling: isRolling ? 1 : null, hold: id }))
    } catch (error) {
      if (error instanceof ApiProblem && error.code === 'guard') setLoss(error.message)
      throw error
    }
  }
  return (
    <>
      <Facts
        facts={[
          { name: 'changes that wait', value: count(pending.changes) },
          { name: 'content that waits', value: size(pending.bytes) },
          { name: 'since', value: <Ago time={since} />, isGrave: overdue },
          { name: 'by', value: by },
          { name: 'what for', value: reason === '' ? '-' : <Message text={reason} /> },
        ]}
      />
      {overdue && <p class="detail grave">It has lasted longer than it was to last. No hold ends by itself.</p>}
      {refused !== null && (
        <p class="detail grave">
          It was not released by itself: <Message text={refused} />
        </p>
      )}
      {access === 'full' && (
        <label class="check">
          <input type="checkbox" checked={isRolling} onChange={(event) => setRolling(event.currentTarget.checked)} />
          one receiver after another, each out of the load balancer meanwhile
        </label>
      )}
      <div class="buttons">
        <Action
          label="Release"
          kind="main"
          question={{
            title: `Release ${name}?`,
            text: `${count(pending.changes)} changes, ${size(pending.bytes)}, go to all receivers, ${isRolling ? 'one after another' : 'which show them together'}.`,
          }}
          act={() => release(false)}
        />
        <Action label="See what waits" isLook act={look} />
        {loss !== null && (
          <Action
            label="Release with the losses"
            kind="danger"
            question={{ title: `Release ${name} with what was deleted?`, text: loss }}
            act={() => release(true)}
          />
        )}
      </div>
      {waits !== null && <Waits waits={waits} />}
    </>
  )
}

function Waits({ waits: { paths, deleted, changes, loss } }: { waits: ReleasedAnswer }) {
  const gone = new Set(deleted)
  return (
    <div role="status">
      <h3>
        What waits <span class="quiet number">{count(changes)}</span>
      </h3>
      {loss !== null && (
        <p class="detail grave">
          The guard objects: <Message text={loss} />
        </p>
      )}
      <ul class="paths">
        {paths.map((path) => (
          <li key={path}>
            {gone.has(path) && <span class="code">deleted</span>} <PathName path={path} />
          </li>
        ))}
        {changes > paths.length && <li class="quiet">and {count(changes - paths.length)} more</li>}
      </ul>
    </div>
  )
}

function Outcome({ released: { round: id, changes, bytes } }: { released: ReleasedAnswer }) {
  const round = useFleet().rounds.get(id ?? '')
  return (
    <div role="status" class="outcome">
      <h3>
        {id === null ? 'Released' : releaseWord(round?.state ?? null)}: {count(changes)} changes, {size(bytes)}
      </h3>
      {id === null && <p>Each receiver commits it by itself.</p>}
      {round !== undefined && <RoundReport round={round} />}
    </div>
  )
}
