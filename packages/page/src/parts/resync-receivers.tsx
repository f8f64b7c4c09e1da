/** How far a resync is with each receiver: cards, and where there are many a list, the gravest first. */
import type { ResyncReceiver, ResyncStatus } from '@rootferry/agent/api'
import { count, size } from '@rootferry/host/numbers'
import { type Fleet, keyOf } from '../state/fleet.ts'
import { RESYNC_TONES } from '../state/words.ts'
import { Bar } from './bar.tsx'
import { Mark } from './mark.tsx'
import { Message } from './name.tsx'
import { VirtualList } from './virtual-list.tsx'

const MOST_CARDS = 60
const ORDER: readonly ResyncReceiver['state'][] = ['failed', 'running', 'pending', 'cancelled', 'done']

interface Part {
  name: string
  numbers: ResyncReceiver
  /** What is known of it, in a sentence. */
  text: string
  /** How much is compared, while it is. */
  share: number | null
}

export function ResyncReceivers({ resync, fleet }: { resync: ResyncStatus; fleet: Fleet }) {
  const parts = partsOf(resync, fleet)
  return (
    <section>
      <h2>
        By receiver <span class="quiet number">{count(parts.length)}</span>
      </h2>
      {parts.length > MOST_CARDS ? (
        <VirtualList
          label="progress"
          items={parts.sort(byGravity)}
          keyOf={({ name }) => name}
          render={(part) => <PartRow part={part} />}
        />
      ) : (
        <ul class="cards" aria-label="progress">
          {parts.map((part) => (
            <PartCard key={part.name} part={part} />
          ))}
        </ul>
      )}
    </section>
  )
}

function partsOf({ root, dryRun, receivers }: ResyncStatus, fleet: Fleet): Part[] {
  const roots = root === null ? [...fleet.roots.keys()] : [root]
  const entries = roots.reduce((sum, name) => sum + entriesOf(name, fleet), 0)
  return Object.entries(receivers).map(([name, numbers]) => {
    const { state, checked, repaired, bytes } = numbers
    const found = state === 'pending' ? `Not compared: ${waitOf(name, roots, fleet)}.` : foundText(numbers)
    const text = dryRun || repaired === 0 ? found : `${found}; ${count(repaired)} put right, ${size(bytes)}`
    return { name, numbers, text, share: state === 'running' ? Math.min(1, checked / Math.max(1, entries)) : null }
  })
}

/** Of the whole root; with paths fewer are compared. */
function entriesOf(name: string, { roots }: Fleet): number {
  const entries = roots.get(name)?.entries
  return entries === undefined ? 0 : entries.files + entries.directories + entries.symlinks
}

/** What a receiver that has not begun waits for. */
function waitOf(name: string, roots: readonly string[], { receivers }: Fleet): string {
  const states = roots.map((root) => receivers.get(keyOf({ root, name }))?.state)
  const away = states.find((state) => state === 'offline' || state === 'expected')
  return away === undefined ? 'it waits for its turn' : `it is ${away}, and compared when it comes`
}

/** What nobody has compared is not said to be equal. */
function foundText({ state, checked, missing, changed, extraneous }: ResyncReceiver): string {
  const found = Object.entries({ missing, changed, extraneous }).filter(([, number]) => number > 0)
  if (checked === 0 && found.length === 0 && state !== 'done')
    return state === 'running' ? 'It begins.' : 'Not compared.'
  const nothing = state === 'done' ? 'nothing differs' : 'nothing that differs was found so far'
  return `${count(checked)} compared; ${found.length === 0 ? nothing : found.map(([kind, number]) => `${count(number)} ${kind}`).join(', ')}`
}

function byGravity(one: Part, other: Part): number {
  return (
    ORDER.indexOf(one.numbers.state) - ORDER.indexOf(other.numbers.state) ||
    differs(other.numbers) - differs(one.numbers)
  )
}

function differs({ missing, changed, extraneous }: ResyncReceiver): number {
  return missing + changed + extraneous
}

function PartCard({ part: { name, numbers, text, share } }: { part: Part }) {
  const { state, error } = numbers
  return (
    <li class="card">
      <h3>
        <a href={`#/receivers/${name}`}>{name}</a>
        <Mark tone={RESYNC_TONES[state]} word={state} />
      </h3>
      {share !== null && <Bar label={`compared by ${name}`} share={share} />}
      <p class="number">{text}</p>
      {error !== null && (
        <p class="detail grave">
          <Message text={error} />
        </p>
      )}
    </li>
  )
}

function PartRow({ part: { name, numbers, text, share } }: { part: Part }) {
  const { state, error } = numbers
  return (
    <a class="row part" href={`#/receivers/${name}`}>
      <Mark tone={RESYNC_TONES[state]} word={share === null ? state : `${Math.floor(share * 100)} %`} />
      <strong>{name}</strong>
      <span class="quiet">{error === null ? text : <Message text={error} />}</span>
    </a>
  )
}
