/** One resync: how far it is with each receiver, and what differs, path by path. */
import type { ResyncReceiver, ResyncStatus } from '@rootferry/agent/api'
import { count, size } from '@rootferry/host/numbers'
import { Action } from '../parts/action.tsx'
import { Bar } from '../parts/bar.tsx'
import { Ago } from '../parts/clock.tsx'
import { Mark } from '../parts/mark.tsx'
import { Message, PathName } from '../parts/name.tsx'
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
      <section>
        <h2>By receiver</h2>
        <ul class="cards" aria-label="progress">
          {Object.entries(receivers).map(([name, numbers]) => (
            <ReceiverCard
              key={name}
              {...{ name, numbers, dryRun }}
              entries={entriesOf(root, fleet)}
              wait={waitOf(name, root, fleet)}
            />
          ))}
        </ul>
      </section>
      <Differences differences={differences} isDone={state === 'done'} namesRoot={root === null} />
    </>
  )
}

function entriesOf(root: string | null, { roots }: Fleet): number {
  const counted = root === null ? [...roots.values()] : [roots.get(root)].filter((each) => each !== undefined)
  return counted.reduce((sum, { entries }) => sum + entries.files + entries.directories + entries.symlinks, 0)
}

/** What a receiver that has not begun waits for. */
function waitOf(name: string, root: string | null, { receivers }: Fleet): string {
  const own = [...receivers.values()].filter((one) => one.name === name && (root === null || one.root === root))
  const away = own.find(({ state }) => state === 'offline' || state === 'expected')
  return away === undefined ? 'it waits for its turn' : `it is ${away.state}, and compared when it comes`
}

interface ReceiverCardProps {
  /** What it waits for, if it does. */
  wait: string
  name: string
  numbers: ResyncReceiver
  /** Of the whole root; with paths fewer are compared. */
  entries: number
  dryRun: boolean
}

function ReceiverCard({ name, numbers, entries, dryRun, wait }: ReceiverCardProps) {
  const { state, checked, repaired, bytes, error } = numbers
  return (
    <li class="card">
      <h3>
        <a href={`#/receivers/${name}`}>{name}</a>
        <Mark tone={RESYNC_TONES[state]} word={state} />
      </h3>
      {state === 'running' && <Bar label={`compared by ${name}`} share={Math.min(1, checked / Math.max(1, entries))} />}
      <p class="number">{state === 'pending' ? `Not compared: ${wait}.` : foundText(numbers)}</p>
      {!dryRun && repaired > 0 && (
        <p class="number">
          {count(repaired)} put right, {size(bytes)}
        </p>
      )}
      {error !== null && (
        <p class="detail grave">
          <Message text={error} />
        </p>
      )}
    </li>
  )
}

/** What nobody has compared is not said to be equal. */
function foundText({ state, checked, missing, changed, extraneous }: ResyncReceiver): string {
  const found = Object.entries({ missing, changed, extraneous }).filter(([, number]) => number > 0)
  if (checked === 0 && found.length === 0 && state !== 'done')
    return state === 'running' ? 'It begins.' : 'Not compared.'
  const nothing = state === 'done' ? 'nothing differs' : 'nothing that differs was found so far'
  return `${count(checked)} compared; ${found.length === 0 ? nothing : found.map(([kind, number]) => `${count(number)} ${kind}`).join(', ')}`
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
