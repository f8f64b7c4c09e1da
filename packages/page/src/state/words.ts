/** The states of roots, receivers and resyncs: how grave each is, and what it means in words. Pure. */
import type { ReceiverStatus, ResyncSummary, RoundAnswer } from '@rootferry/agent/api'
import type { Fleet, Root } from './fleet.ts'

/** `quiet`: neither good nor bad. */
export type Tone = 'good' | 'quiet' | 'busy' | 'warning' | 'bad'

export interface StateWord {
  tone: Tone
  /** One sentence. */
  meaning: string
}

export const RECEIVER_WORDS: Readonly<Record<ReceiverStatus['state'], StateWord>> = {
  failed: { tone: 'bad', meaning: 'It cannot commit. It tries again and again, and goes on by itself when it can.' },
  offline: {
    tone: 'bad',
    meaning: 'It has no connection. It serves what it has, and gets what it missed when it is back.',
  },
  'left-behind': { tone: 'bad', meaning: 'Others went on without it. It is not ready until it has caught up.' },
  'awaiting-accept': {
    tone: 'warning',
    meaning: 'Its first join would replace or remove much, and waits for a yes on that host.',
  },
  replaying: { tone: 'busy', meaning: 'It gets what it missed.' },
  resyncing: { tone: 'busy', meaning: 'It compares its tree with the source.' },
  expected: { tone: 'quiet', meaning: 'It has a token, and has never connected.' },
  live: { tone: 'good', meaning: 'It has everything, and gets every change as it comes.' },
}

export const ROOT_WORDS: Readonly<Record<Root['state'], StateWord>> = {
  halted: { tone: 'bad', meaning: 'The guard has stopped it: nothing is sent, and nothing is deleted anywhere.' },
  unavailable: { tone: 'bad', meaning: 'It cannot be served at the moment.' },
  scanning: { tone: 'busy', meaning: 'Its index is being built.' },
  ready: { tone: 'good', meaning: 'It is watched, and its changes are sent.' },
}

export const RESYNC_TONES: Readonly<Record<ResyncSummary['state'] | 'pending', Tone>> = {
  running: 'busy',
  pending: 'quiet',
  done: 'good',
  failed: 'bad',
  cancelled: 'quiet',
}

export const ROUND_TONES: Readonly<Record<RoundAnswer['members'][number]['state'], Tone>> = {
  staging: 'busy',
  staged: 'busy',
  committed: 'good',
  'left-behind': 'bad',
  unfenced: 'bad',
  gone: 'warning',
}

const STEPS: Readonly<Record<RoundAnswer['state'], string>> = {
  collect: 'being staged',
  fence: 'waiting for who leaves',
  go: 'being shown',
  roll: 'shown by one group after another',
  over: 'over',
  void: 'void',
}

/**
 * A round as a mark. A round is of the receivers that were live: whether the release is everywhere is decided by those, too,
 * that were away. @param lacking receivers that have not got it by now
 */
export function roundWord(
  { state, outcome }: Pick<RoundAnswer, 'state' | 'outcome'>,
  lacking: number,
): { tone: Tone; word: string } {
  if (outcome === null) return { tone: 'busy', word: STEPS[state] }
  if (outcome === 'void') return { tone: 'bad', word: 'void' }
  return lacking === 0 ? { tone: 'good', word: 'everywhere' } : { tone: 'bad', word: 'not everywhere' }
}

/** What has become of a release so far. @param state of its round; null: its round has just begun */
export function releaseWord(state: RoundAnswer['state'] | null): string {
  if (state === 'go' || state === 'over') return 'Released'
  return state === 'void' ? 'Not released' : 'Being released'
}

/** Receivers of the root of a round, or of a release, that have not got it by now. One that never came is not waited for. */
export function lackingOf(
  { root, to }: Pick<RoundAnswer, 'root' | 'to'>,
  { roots, receivers: all }: Pick<Fleet, 'roots' | 'receivers'>,
): ReceiverStatus[] {
  const receivers = all.values()
  // The sequences of a new index have nothing to do with those of the round.
  if ((roots.get(root)?.sequence ?? 0) < to) return []
  return [...receivers]
    .filter((one) => one.root === root && one.state !== 'expected' && one.sequence < to)
    .sort(byGravity)
}

const ORDER: readonly Tone[] = ['bad', 'warning', 'busy', 'quiet', 'good']

/** The gravest first, and then by name, with numbers in their own order: web2 before web10. */
export function byGravity(one: ReceiverStatus, other: ReceiverStatus): number {
  const gravity = ORDER.indexOf(toneOf(one)) - ORDER.indexOf(toneOf(other))
  if (gravity !== 0) return gravity
  return NAMES.compare(one.name, other.name) || NAMES.compare(one.root, other.root)
}

const NAMES = new Intl.Collator('en', { numeric: true })

/** A live receiver may still owe paths. */
export function toneOf({ state, owed, clash }: Pick<ReceiverStatus, 'state' | 'owed' | 'clash'>): Tone {
  const { tone } = RECEIVER_WORDS[state]
  const hasDebts = owed.count > 0 || clash !== null
  return hasDebts && ORDER.indexOf(tone) > ORDER.indexOf('warning') ? 'warning' : tone
}

/** The log is configured, and known not to be written. */
export function isUnwritten(log: Root['log']): log is Exclude<Root['log'], null> {
  return log !== null && (log.state === 'off' || log.state === 'refused')
}

/** A held root is ready, and still nothing of it is sent. */
export function rootTone({ state, hold, problemCount, watch, hooks, log }: Root): Tone {
  if (ROOT_WORDS[state].tone === 'bad') return 'bad'
  if (hold !== null && (hold.overdue || hold.refused !== null)) return 'bad'
  const isCutOff = log?.regions.some(({ why }) => why !== null) === true
  if (isCutOff || isUnwritten(log)) return 'bad'
  if (problemCount > 0 || watch.degraded !== null || hooks.some(({ lastError }) => lastError !== null)) return 'warning'
  return hold === null ? ROOT_WORDS[state].tone : 'busy'
}
