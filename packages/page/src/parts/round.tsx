/** A round: how many receivers show the release, how far apart they began, and each of them. */
import type { ReceiverStatus, RoundAnswer } from '@rootferry/agent/api'
import { count } from '@rootferry/host/numbers'
import { lackingOf, ROUND_TONES, roundWord } from '../state/words.ts'
import { Ago } from './clock.tsx'
import { Mark } from './mark.tsx'
import { Message } from './name.tsx'
import { useFleet } from './session.tsx'

type Member = RoundAnswer['members'][number]

export function RoundReport({ round }: { round: RoundAnswer }) {
  const { members, skewMs, beganAt, outcome, stopped } = round
  const lacking = lackingOf(round, useFleet())
  const showing = members.filter(({ state }) => state === 'committed').length
  return (
    <div class="round">
      <p class="titled">
        <Mark {...roundWord(round, lacking.length)} />
        <span class="number">
          {count(showing)} of {count(members.length)} show it
        </span>
        <span class="quiet number">
          {skewMs !== null && <>{milliseconds(skewMs)} between the first and the last, </>}
          <Ago time={beganAt} />
        </span>
      </p>
      {(outcome === 'all' || outcome === 'partial') && lacking.length > 0 && <Lacking receivers={lacking} />}
      {outcome === 'void' && <p class="detail grave">Nobody shows anything of it: the root stays held.</p>}
      {stopped !== null && (
        <p class="detail grave">
          It was stopped: <Message text={stopped} />
        </p>
      )}
      {members.length > 0 && (
        <details open={outcome !== null && (outcome !== 'all' || lacking.length > 0)}>
          <summary>Each receiver</summary>
          <ul class="outcomes">
            {members.map((member) => (
              <MemberRow key={member.name} member={member} />
            ))}
          </ul>
        </details>
      )}
    </div>
  )
}

const MOST_NAMED = 8

/** Those that have not got it, and why. */
function Lacking({ receivers }: { receivers: readonly ReceiverStatus[] }) {
  const more = receivers.length - MOST_NAMED
  return (
    <p class="detail grave">
      Not there yet:{' '}
      {receivers.slice(0, MOST_NAMED).map(({ name, state }, at) => (
        <span key={name}>
          {at > 0 && ', '}
          <a href={`#/receivers/${name}`}>{name}</a> ({state})
        </span>
      ))}
      {more > 0 && ` and ${count(more)} more`}.{' '}
      {receivers.length === 1 ? 'It comes when that has caught up.' : 'It comes when they have caught up.'}
    </p>
  )
}

function MemberRow({ member: { name, state, stagedMs, committedMs } }: { member: Member }) {
  const when = committedMs ?? stagedMs
  return (
    <li>
      <Mark tone={ROUND_TONES[state]} word={state} />
      <a href={`#/receivers/${name}`}>{name}</a>
      <span class="number quiet">{when === null ? '-' : `after ${milliseconds(when)}`}</span>
    </li>
  )
}

function milliseconds(number: number): string {
  return number < 1_000 ? `${Math.round(number)} ms` : `${(number / 1_000).toFixed(1)} s`
}
