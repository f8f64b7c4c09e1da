/** One resync: how far it is with each receiver, and what differs, path by path. */
import type { ResyncStatus } from '@rootferry/agent/api'
import { count } from '@rootferry/host/numbers'
import { Action } from '../parts/action.tsx'
import { Ago } from '../parts/clock.tsx'
import { Mark } from '../parts/mark.tsx'
import { PathName } from '../parts/name.tsx'
import { ResyncReceivers } from '../parts/resync-receivers.tsx'
import { useFleet } from '../parts/session.tsx'
import { useAnswer } from '../parts/use-answer.ts'
import { VirtualList } from '../parts/virtual-list.tsx'
import { ask, post } from '../state/api.ts'
import { type Difference, differencesOf } from '../state/differences.ts'
import type { Fleet } from '../state/fleet.ts'
import { RESYNC_TONES } from '../state/words.ts'

export function ResyncView({ id }: { id: string }) {
  const fleet = useFleet()
  const { answer: resync, refusal } = useAnswer<ResyncStatus>(
    `/v1/resyncs/${encodeURIComponent(id)}`,
    fleet.resyncs.get(id),
  )
  return (
    <main>
      <nav aria-label="where this is" class="crumbs">
        <a href="#/resyncs">Resyncs</a>
      </nav>
      {resync === null ? (
        <>
          <h1>Resync</h1>
          <p class={refusal === null ? 'quiet' : 'refusal'}>{refusal?.message ?? 'It is asked for.'}</p>
        </>
      ) : (
        <Known resync={resync} fleet={fleet} />
      )}
    </main>
  )
}

function Known({ resync, fleet }: { resync: ResyncStatus; fleet: Fleet }) {
  const { id, root, check, dryRun, state, createdAt, paths, receivers } = resync
  const differences = differencesOf(resync)
  const compared = Object.keys(receivers).filter((name) => receivers[name]?.state === 'done')
  const isBusy = Object.values(receivers).some((one) => one.state === 'running')
  const repair = async () => {
    const made = await post<ResyncStatus>('/v1/resyncs', {
      root,
      receivers: compared,
      paths,
      check,
      dryRun: false,
    })
    location.hash = `#/resyncs/${made.id}`
  }
  return (
    <>
      <div class="titled">
        <h1>
          {dryRun ? 'Dry run' : 'Resync'} of {root ?? 'every root'}
        </h1>
        <Mark tone={RESYNC_TONES[state]} word={state} />
      </div>
      <p class="quiet">
        By {check}
        {paths.length > 0 && `, of ${paths.length === 1 ? 'one path' : `${count(paths.length)} paths`}`}, ordered{' '}
        <Ago time={createdAt} />.
      </p>
      <div class="buttons">
        {state === 'running' && (
          <Action label="Cancel" act={() => ask(`/v1/resyncs/${encodeURIComponent(id)}`, 'DELETE')} />
        )}
        {dryRun && !isBusy && compared.length > 0 && differences.length > 0 && (
          <Action
            label="Put this right"
            kind="main"
            question={{
              title: 'Put right what differs?',
              text: `${compared.length === 1 ? compared[0] : `${count(compared.length)} receivers`}: what was compared is compared again and repaired; what the source does not have goes to the trash there.`,
            }}
            act={repair}
          />
        )}
      </div>
      <ResyncReceivers resync={resync} fleet={fleet} />
      <Differences differences={differences} isDone={state === 'done'} namesRoot={root === null} />
    </>
  )
}

interface DifferencesProps {
  differences: readonly Difference[]
  /** All of it was compared. */
  isDone: boolean
  namesRoot: boolean
}

function Differences({ differences, isDone, namesRoot }: DifferencesProps) {
  if (differences.length === 0) return isDone ? <p>Nothing differs.</p> : null
  return (
    <section>
      <h2>
        Differences <span class="quiet number">{count(differences.length)}</span>
      </h2>
      <VirtualList
        label="differences by path"
        items={differences}
        keyOf={({ root, path }) => `${root} ${path}`}
        render={({ root, path, kinds }) => (
          <div class="row difference">
            <span class="what">
              {namesRoot && <span class="quiet">{root} </span>}
              <PathName path={path} />
            </span>
            <span class="kinds">
              {kinds.map(({ kind, receivers }) => (
                <span key={kind}>
                  <span class="code">{kind}</span>{' '}
                  <span class="quiet">
                    {receivers.length > 3 ? `on ${count(receivers.length)}` : receivers.join(', ')}
                  </span>
                </span>
              ))}
            </span>
          </div>
        )}
      />
      <p class="quiet">The first 1,000 of each receiver are kept.</p>
    </section>
  )
}
