/** Comparing receivers with the source: order it, as a dry run first, and the list of those that were ordered. */
import type { ResyncStatus, ResyncSummary } from '@rootferry/agent/api'
import { count } from '@rootferry/host/numbers'
import { useState } from 'preact/hooks'
import { Action } from '../parts/action.tsx'
import { Ago } from '../parts/clock.tsx'
import { Mark } from '../parts/mark.tsx'
import { useFleet, useSession } from '../parts/session.tsx'
import { post } from '../state/api.ts'
import { RESYNC_TONES } from '../state/words.ts'

export interface ResyncsProps {
  root: string | null
  receiver: string | null
}

export function Resyncs({ root, receiver }: ResyncsProps) {
  const { resyncs } = useFleet()
  return (
    <main>
      <h1>Resyncs</h1>
      <p>
        A resync compares receivers with the source. A dry run says what differs and changes nothing; without it, what
        differs is put right, and what the source does not have goes to the receiver's trash.
      </p>
      <OrderForm key={`${root} ${receiver}`} root={root} receiver={receiver} />
      <section>
        <h2>Ordered before</h2>
        {resyncs.size === 0 ? (
          <p class="quiet">None in this life of the agent.</p>
        ) : (
          <ul class="rows" aria-label="resyncs">
            {[...resyncs.values()].map((resync) => (
              <li key={resync.id}>
                <ResyncRow resync={resync} />
              </li>
            ))}
          </ul>
        )}
      </section>
    </main>
  )
}

function ResyncRow({ resync: { id, root, check, dryRun, state, createdAt, receivers } }: { resync: ResyncSummary }) {
  const all = Object.values(receivers)
  const found = all.reduce((sum, { missing, changed, extraneous }) => sum + missing + changed + extraneous, 0)
  return (
    <a class="row resync" href={`#/resyncs/${id}`}>
      <Mark tone={RESYNC_TONES[state]} word={state} />
      <span class="who">
        <strong>{root ?? 'every root'}</strong>
        <span class="quiet">
          {' '}
          {dryRun ? 'dry run' : 'repair'}, {check}, {all.length === 1 ? '1 receiver' : `${count(all.length)} receivers`}
        </span>
      </span>
      <span class={found === 0 ? 'number quiet' : 'number'}>
        {found > 0 ? `${count(found)} differ` : state === 'done' ? 'no difference' : 'none found'}
      </span>
      <span class="number quiet">
        <Ago time={createdAt} />
      </span>
    </a>
  )
}

/** As it was typed. */
interface WantedResync {
  root: string
  receivers: string
  paths: string
  check: ResyncSummary['check']
}

function OrderForm({ root, receiver }: ResyncsProps) {
  const { access } = useSession()
  const [wanted, setWanted] = useState<WantedResync>({
    root: root ?? '',
    receivers: receiver ?? '',
    paths: '',
    check: 'metadata',
  })
  if (access === 'read') return <p class="quiet">A read-only session orders none.</p>
  const change = (part: Partial<WantedResync>) => setWanted((before) => ({ ...before, ...part }))
  const order = async (dryRun: boolean) => {
    const words = (text: string, by: RegExp) => text.split(by).filter((word) => word !== '')
    const made = await post<ResyncStatus>('/v1/resyncs', {
      root: wanted.root === '' ? null : wanted.root,
      receivers: words(wanted.receivers, /[\s,]+/),
      paths: words(wanted.paths, /\n/),
      check: wanted.check,
      dryRun,
    })
    location.hash = `#/resyncs/${made.id}`
  }
  return (
    <form class="panel" onSubmit={(event) => event.preventDefault()}>
      <OrderFields wanted={wanted} change={change} />
      <div class="buttons">
        <Action label="Dry run" kind="main" act={() => order(true)} />
        <Action
          label="Resync"
          question={{
            title: 'Put right what differs?',
            text: 'What differs is replaced, and what the source does not have goes to the trash of the receiver.',
          }}
          act={() => order(false)}
        />
      </div>
    </form>
  )
}

interface OrderFieldsProps {
  wanted: WantedResync
  change(part: Partial<WantedResync>): void
}

function OrderFields({ wanted, change }: OrderFieldsProps) {
  const { roots } = useFleet()
  return (
    <>
      <div class="form-line">
        <label>
          Root
          <select value={wanted.root} onChange={(event) => change({ root: event.currentTarget.value })}>
            <option value="">every root</option>
            {[...roots.keys()].map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <label>
          Receivers
          <input
            value={wanted.receivers}
            placeholder="all"
            spellcheck={false}
            onInput={(event) => change({ receivers: event.currentTarget.value })}
          />
        </label>
        <label>
          Compare by
          <select
            value={wanted.check}
            onChange={(event) => change({ check: event.currentTarget.value === 'content' ? 'content' : 'metadata' })}
          >
            <option value="metadata">size, time and mode (fast)</option>
            <option value="content">content, to the byte</option>
          </select>
        </label>
      </div>
      <label>
        Only these paths, one a line
        <textarea
          rows={2}
          value={wanted.paths}
          placeholder="all of the root"
          spellcheck={false}
          onInput={(event) => change({ paths: event.currentTarget.value })}
        />
      </label>
    </>
  )
}
