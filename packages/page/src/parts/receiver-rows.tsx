/** The receivers as a list, the gravest first; every row leads to the receiver's own view. */
import type { ReceiverStatus } from '@rootferry/agent/api'
import { count, duration, size } from '@rootferry/host/numbers'
import { keyOf } from '../state/fleet.ts'
import { toneOf } from '../state/words.ts'
import { Ago } from './clock.tsx'
import { Mark } from './mark.tsx'
import { VirtualList } from './virtual-list.tsx'

export interface ReceiverRowsProps {
  receivers: readonly ReceiverStatus[]
  /** Whether the root is named: there is more than one. */
  namesRoot: boolean
}

export function ReceiverRows({ receivers, namesRoot }: ReceiverRowsProps) {
  return (
    <div class="receivers">
      <div class="row heading" aria-hidden="true">
        <span>state</span>
        <span>receiver</span>
        <span class="number">behind</span>
        <span class="number">to come</span>
        <span class="number">seen</span>
      </div>
      <VirtualList
        label="receivers"
        items={receivers}
        keyOf={(receiver) => keyOf(receiver)}
        render={(receiver) => <ReceiverRow receiver={receiver} namesRoot={namesRoot} />}
      />
    </div>
  )
}

function ReceiverRow({ receiver, namesRoot }: { receiver: ReceiverStatus; namesRoot: boolean }) {
  const { name, root, state, lag, toCome, owed, lastSeenAt } = receiver
  const isConnected = state !== 'offline' && state !== 'expected'
  return (
    <a class="row" href={`#/receivers/${name}`}>
      <Mark tone={toneOf(receiver)} word={state} />
      <span class="who">
        <strong>{name}</strong>
        {namesRoot && <span class="quiet"> {root}</span>}
        {owed.count > 0 && <span class="owes"> owes {count(owed.count)}</span>}
      </span>
      <span class="number">{state === 'expected' ? '-' : behind(lag)}</span>
      <span class="number">{state === 'expected' ? '-' : toComeText(toCome)}</span>
      <span class="number quiet">{isConnected ? 'connected' : <Ago time={lastSeenAt} />}</span>
    </a>
  )
}

function behind({ sequences, seconds }: ReceiverStatus['lag']): string {
  return sequences === 0 ? 'up to date' : `${count(sequences)}, ${duration(seconds)}`
}

function toComeText({ bytes, share }: ReceiverStatus['toCome']): string {
  if (share !== null) return `${Math.floor(share * 100)} % sent`
  return bytes === 0 ? '-' : size(bytes)
}
