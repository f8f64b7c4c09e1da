/** The fleet at a glance: what needs a person comes first, with what to do about it; then roots and receivers. */
import type { ReceiverStatus } from '@rootferry/agent/api'
import { count, duration, size } from '@rootferry/host/numbers'
import { useState } from 'preact/hooks'
import { useNow } from '../parts/clock.tsx'
import { CommandLine } from '../parts/command.tsx'
import { Mark, Shape } from '../parts/mark.tsx'
import { Message } from '../parts/name.tsx'
import { ReceiverRows } from '../parts/receiver-rows.tsx'
import { useFleet } from '../parts/session.tsx'
import { type Attention, attentionOf } from '../state/attention.ts'
import type { Fleet, Root } from '../state/fleet.ts'
import { byGravity, RECEIVER_WORDS, rootTone } from '../state/words.ts'

export function Overview() {
  const fleet = useFleet()
  const items = attentionOf(fleet, useNow())
  return (
    <main>
      <h1 class="verdict">{verdict(fleet, items)}</h1>
      {items.length > 0 && (
        <section aria-label="needs attention">
          <ul class="attention">
            {items.map((item) => (
              <AttentionItem key={item.title} item={item} />
            ))}
          </ul>
        </section>
      )}
      <section>
        <h2>Roots</h2>
        <ul class="cards">
          {[...fleet.roots.values()].map((root) => (
            <RootCard key={root.name} root={root} fleet={fleet} />
          ))}
        </ul>
      </section>
      <Receivers fleet={fleet} />
    </main>
  )
}

function verdict({ receivers, roots }: Fleet, items: readonly Attention[]): string {
  const bad = items.filter(({ tone }) => tone === 'bad').length
  if (bad > 0) return bad === 1 ? 'One thing needs you' : `${count(bad)} things need you`
  const all = [...receivers.values()].filter(({ state }) => state !== 'expected')
  const late = namesOf(all.filter(({ state }) => state !== 'live'))
  if (late > 0) return `${count(late)} of ${count(namesOf(all))} receivers ${late === 1 ? 'is' : 'are'} catching up`
  if ([...roots.values()].some(({ state }) => state === 'scanning')) return 'The index is being built'
  if (items.length > 0) return 'In sync, with something to look at'
  if (all.length === 0) return 'No receiver has joined yet'
  return 'Everything is in sync'
}

/** A receiver of several roots is one receiver. */
function namesOf(receivers: readonly ReceiverStatus[]): number {
  return new Set(receivers.map(({ name }) => name)).size
}

function AttentionItem({ item }: { item: Attention }) {
  const { tone, title, detail, advice, command, link } = item
  return (
    <li class={`card ${tone}`}>
      <h2>
        <Shape tone={tone} />
        <a href={link}>{title}</a>
      </h2>
      {detail !== null && (
        <p class="detail">
          <Message text={detail} />
        </p>
      )}
      <p>{advice}</p>
      {command !== null && <CommandLine {...command} />}
    </li>
  )
}

function RootCard({ root, fleet }: { root: Root; fleet: Fleet }) {
  const { name, state, entries, sequence, hold } = root
  const receivers = [...fleet.receivers.values()].filter((each) => each.root === name && each.state !== 'expected')
  const live = receivers.filter((each) => each.state === 'live').length
  const slowest = Math.max(0, ...receivers.filter((each) => each.state !== 'offline').map(({ lag }) => lag.seconds))
  return (
    <li class="card root">
      <h3>
        <a href={`#/roots/${name}`}>{name}</a>
        <Mark tone={rootTone(root)} word={hold === null ? state : 'held'} />
      </h3>
      <p class="large number">
        {count(live)} of {count(receivers.length)} live
      </p>
      <p class="quiet">
        {count(entries.files + entries.directories + entries.symlinks)} entries, {size(entries.bytes)}; sequence{' '}
        {count(sequence)}
        {slowest > 0 && <>; slowest {duration(slowest)} behind</>}
      </p>
    </li>
  )
}

const STATES = Object.keys(RECEIVER_WORDS) as (keyof typeof RECEIVER_WORDS)[]

function Receivers({ fleet }: { fleet: Fleet }) {
  const [text, setText] = useState('')
  const [state, setState] = useState<string>('')
  const all = [...fleet.receivers.values()]
  if (all.length === 0)
    return (
      <section>
        <h2>Receivers</h2>
        <p>
          None is known yet. <a href="#/tokens">Make a token</a>, and join the first app server with the line that comes
          with it.
        </p>
      </section>
    )
  const shown = all
    .filter((each) => (state === '' || each.state === state) && each.name.toLowerCase().includes(text.toLowerCase()))
    .sort(byGravity)
  return (
    <section>
      <div class="section-head">
        <h2>
          Receivers <span class="quiet number">{count(namesOf(shown))}</span>
        </h2>
        <div class="filters">
          <input
            type="search"
            aria-label="find a receiver by its name"
            placeholder="find a name"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <select aria-label="state" value={state} onChange={(event) => setState(event.currentTarget.value)}>
            <option value="">every state</option>
            {STATES.map((each) => (
              <option key={each} value={each}>
                {each} ({count(namesOf(all.filter((one) => one.state === each)))})
              </option>
            ))}
          </select>
        </div>
      </div>
      {shown.length === 0 ? (
        <p class="quiet">No receiver is like that.</p>
      ) : (
        <ReceiverRows receivers={shown} namesRoot={fleet.roots.size > 1} />
      )}
    </section>
  )
}
