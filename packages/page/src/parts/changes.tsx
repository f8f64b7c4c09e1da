/**
 * The changes of a root as they come, the newest first, with who has each. Asked when the agent says that there are new
 * ones, and only for those.
 */
import type { ChangesAnswer, ReceiverStatus } from '@rootferry/agent/api'
import { count, size } from '@rootferry/host/numbers'
import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { ApiProblem, get } from '../state/api.ts'
import { TimeOfDay } from './clock.tsx'
import { PathName } from './name.tsx'
import { VirtualList } from './virtual-list.tsx'

type Change = ChangesAnswer['changes'][number]

/** More are at the command line. */
const MOST_KEPT = 100_000
const MOST_ASKED = 1_000
const AGAIN_MS = 5_000

export function Changes({
  root,
  head,
  receivers,
}: {
  root: string
  head: number
  receivers: readonly ReceiverStatus[]
}) {
  const { changes, refusal } = useChanges(root, head)
  // A receiver that never came is not waited for.
  const sequences = useMemo(
    () =>
      receivers
        .filter(({ state }) => state !== 'expected')
        .map(({ sequence }) => sequence)
        .sort((one, other) => one - other),
    [receivers],
  )
  if (refusal !== null) return <p class="refusal">{refusal}</p>
  if (changes.length === 0) return <p class="quiet">Nothing has changed yet.</p>
  return (
    <div class="changes">
      <div class="row heading" aria-hidden="true">
        <span>time</span>
        <span>path</span>
        <span class="number">size</span>
        <span class="number">who has it</span>
      </div>
      <VirtualList
        label="changes, the newest first"
        items={changes}
        keyOf={({ sequence }) => String(sequence)}
        render={(change) => <ChangeRow change={change} sequences={sequences} />}
      />
    </div>
  )
}

const KINDS: Readonly<Record<Change['kind'], string>> = {
  file: '',
  directory: 'directory',
  symlink: 'link',
  deleted: 'deleted',
}

function ChangeRow({ change, sequences }: { change: Change; sequences: readonly number[] }) {
  const { sequence, time, kind, changed, path, bytes } = change
  const have = sequences.length - firstFrom(sequences, sequence)
  const isEverywhere = have === sequences.length
  return (
    <div class={`row ${kind}`}>
      <span class="quiet number">
        <TimeOfDay time={time} />
      </span>
      <span class="what">
        {KINDS[kind] !== '' && <span class="code">{KINDS[kind]}</span>} <PathName path={path} />
        {bytes === 0 && isAmended(changed) && <span class="quiet"> {changed.join(', ')}</span>}
      </span>
      <span class="number">{bytes === 0 ? '-' : size(bytes)}</span>
      <span class={isEverywhere ? 'number quiet' : 'number late'}>
        {sequences.length === 0
          ? '-'
          : isEverywhere
            ? `all ${count(have)}`
            : `${count(have)} of ${count(sequences.length)}`}
      </span>
    </div>
  )
}

/** Whether nothing but attributes, or the target of a symlink, is other than before. */
function isAmended(changed: Change['changed']): boolean {
  return !changed.includes('new') && !changed.includes('content')
}

/** The place of the first number that is not below `least`, in ascending numbers. */
function firstFrom(ascending: readonly number[], least: number): number {
  let [from, to] = [0, ascending.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if ((ascending[middle] ?? 0) >= least) to = middle
    else from = middle + 1
  }
  return from
}

function useChanges(root: string, head: number): { changes: readonly Change[]; refusal: string | null } {
  const [changes, setChanges] = useState<readonly Change[]>([])
  const [refusal, setRefusal] = useState<string | null>(null)
  const next = useRef<number | null>(null)
  const isAsking = useRef(false)
  const wanted = useRef(head)
  wanted.current = head
  // Grows when an answer failed to come: then it is asked for again.
  const [failures, setFailures] = useState(0)
  useEffect(() => {
    if (isAsking.current || (next.current !== null && next.current >= head)) return
    isAsking.current = true
    const follow = async () => {
      do {
        const since = next.current === null ? '' : `&since=${next.current}`
        const path = `/v1/roots/${encodeURIComponent(root)}/changes?limit=${next.current === null ? 200 : MOST_ASKED}${since}`
        const answer = await get<ChangesAnswer>(path)
        next.current = answer.next
        setRefusal(null)
        setChanges((known) => merged(known, answer.changes))
        if (answer.changes.length === 0) break
      } while (next.current < wanted.current)
    }
    follow()
      .catch((error: unknown) => {
        if (!(error instanceof ApiProblem)) throw error
        setRefusal(error.message)
        setTimeout(() => setFailures((before) => before + 1), AGAIN_MS)
      })
      .finally(() => {
        isAsking.current = false
      })
  }, [root, head, failures])
  return { changes, refusal }
}

/** A path is in the agent's list once, at its latest change; here, too. */
function merged(known: readonly Change[], come: readonly Change[]): readonly Change[] {
  const paths = new Set(come.map(({ path }) => path))
  return [...come.toReversed(), ...known.filter(({ path }) => !paths.has(path))].slice(0, MOST_KEPT)
}
