/**
 * Deliberate bugs, each in the product's own code, and the oracles that catch them. A mutation that is not caught, or
 * whose snippet is gone, fails the suite: with the mutations the simulation proves that it would see a real bug.
 */
import type { Replacement } from './hooks.ts'
import type { Guarantee } from './violation.ts'

export interface Mutation {
  name: string
  caughtBy: readonly Guarantee[]
  replacements: readonly Replacement[]
  /** The seed with which the search begins: those before it did not come to it. */
  from: number
}

const mutation = (
  name: string,
  caughtBy: readonly Guarantee[],
  file: string,
  snippet: string,
  replacement: string,
  from = 1,
): Mutation => ({ name, caughtBy, replacements: [{ file, snippet, replacement }], from })

const FEED = 'agent/src/serve/feed'
const SCAN = 'agent/src/root/scan'

export const MUTATIONS: readonly Mutation[] = [
  mutation(
    'a round lets its members go before they have staged',
    ['G10'],
    `${FEED}/round.ts`,
    "if (!has('staging')) return",
    'if (nowMs >= 0) return',
  ),
  mutation(
    'commits leave before the hold is gone',
    ['G10'],
    `${FEED}/rounds.ts`,
    'await this.#parts.end(running.round.to, true)',
    'void this.#parts.end(running.round.to, true).catch((error: unknown) => this.#parts.failed(error))',
  ),
  mutation(
    'in a rolling release a receiver changes before it has left',
    ['G10'],
    `${FEED}/rolling.ts`,
    "effects.push({ do: 'drain', name })",
    "effects.push({ do: 'commit', name })",
  ),
  mutation(
    'a hold is forgotten at a restart',
    ['G10'],
    'agent/src/root/hold/holding.ts',
    '    this.#hold = hold\n    this.#passed = new Set(passed)',
    '    this.#hold = null\n    this.#passed = new Set(passed)',
  ),
  mutation(
    'a held root goes on to send',
    ['G10'],
    'agent/src/root/hold/holding.ts',
    '    if (this.#isShut) return true\n',
    '    if (this.#isShut) return false\n',
  ),
  mutation(
    'staged is said and not recorded',
    ['G10'],
    'receiver/src/disk/ledger/staged-rows.ts',
    "this.#file.run('INSERT OR REPLACE INTO series VALUES (1, ?, ?, ?, ?)', epoch, term, base, to)",
    '',
  ),
  mutation(
    'leave does not change readiness',
    ['G10'],
    'receiver/src/serve/root-state.ts',
    'return { ...state, leftBehind: event.to }',
    'return state',
  ),
  mutation(
    'a unit of a series is planned from what is staged',
    ['sound'],
    `${FEED}/round-part.ts`,
    'hub.join(order, urgency)',
    'hub.join({ ...order, base: order.from }, urgency)',
  ),
  mutation(
    'who was left behind while it was away is ready when it is back',
    ['G10'],
    'receiver/src/disk/session-reports.ts',
    'const leftBehind = isSame && greeting.sequence < released ? released : null',
    'const leftBehind = isSame && greeting.sequence < 0 ? released : null',
  ),
  mutation(
    'the end of a comparison forgets that others went on',
    ['G10'],
    'receiver/src/serve/root-state.ts',
    "    case 'resynced':\n      return afterCommit(state, event.sequence, event.head)",
    "    case 'resynced':\n      return { ...afterCommit(state, event.sequence, event.head), leftBehind: null }",
  ),
  mutation(
    'what is staged is tidied away at a start',
    ['G10', 'G5', 'G4', 'G1', 'sound'],
    'receiver/src/disk/stage/partial-files.ts',
    'const names = this.#ledger.staged.names()',
    'const names = new Set<string>()',
  ),
  mutation(
    'what goes ahead of a changeset moves the position',
    ['G1', 'G4', 'G9', 'sound'],
    'receiver/src/disk/ahead.ts',
    'position: null,',
    'position: target.ledger.position && { ...target.ledger.position, sequence: to },',
  ),
  mutation(
    'what is said to have gone ahead is not visible',
    ['G4'],
    'receiver/src/disk/ahead.ts',
    'const intent = { changes: staged, before',
    'const intent = { changes: staged.slice(1), before',
  ),
  mutation(
    'acknowledged before the commit',
    ['G4', 'sound'],
    'receiver/src/disk/session.ts',
    '    const outcome = withUnfit(await commitIntent(',
    "    if (request === null) this.#parts.send({ type: 'committed', sequence: to, burstMicros: 0 })\n    const outcome = withUnfit(await commitIntent(",
  ),
  mutation(
    'a changeset is made visible without an intent',
    ['G3'],
    'receiver/src/disk/commit/commit.ts',
    'ledger.recordIntent(encodeIntent({ ...intent, before: first.before }), used)',
    '',
  ),
  mutation(
    'the intent is ignored at a restart',
    ['G1', 'G3', 'G4', 'G5', 'sound'],
    'receiver/src/disk/commit/commit.ts',
    'const intent = body === null ? null : decodeIntent(body)',
    'const intent = body === null ? null : { ...decodeIntent(body), changes: [] }',
    140,
  ),
  mutation(
    'a deletion leaves no tombstone',
    ['G1', 'G4', 'G9'],
    'agent/src/root/index/entry-index.ts',
    'this.#entries.bury(directory, name, ++this.#head)',
    'this.#entries.remove(directory, name)',
  ),
  mutation(
    'the cursor of a session runs ahead',
    ['G1', 'G5', 'G9', 'sound'],
    'agent/src/serve/feed/session-state.ts',
    '    this.cursor = to\n    this.unconfirmed.push(to)',
    '    this.cursor = to + 1\n    this.unconfirmed.push(to)',
  ),
  mutation(
    'what is kept of a changeset is taken for more than was staged',
    ['G1', 'G4', 'G5', 'G9'],
    'receiver/src/disk/stage/staged-so-far.ts',
    'this.#beginning = { to, paths',
    'this.#beginning = { to: this.#header.to, paths',
  ),
  mutation(
    'the receiver takes a position that it has not reached',
    ['G1', 'G4', 'G9', 'G10'],
    'receiver/src/disk/session.ts',
    "if (start === 'replay') ledger.setPosition({ epoch, term, sequence })",
    "if (start === 'replay') ledger.setPosition({ epoch, term, sequence: sequence + 1 })",
  ),
  mutation(
    'credit is never given back',
    ['G1', 'G5', 'G9'],
    'receiver/src/serve/link/credit.ts',
    'this.#consumed += bytes',
    'this.#consumed += 0 * bytes',
  ),
  mutation(
    'a session does not wait for the socket',
    ['G8'],
    'agent/src/serve/feed/send-pace.ts',
    'while (underWay() > BOUNDS.bufferedBytes && !this.#isOver) await this.sleep()',
    'underWay()',
  ),
  mutation(
    'the time of a file is forgotten',
    ['G4', 'G1', 'G3'],
    'receiver/src/disk/stage/staging.ts',
    'futimesSync(descriptor, time, time)',
    '',
  ),
  mutation(
    'content of the same size and time is taken for the same',
    ['G1', 'G4', 'G9'],
    'agent/src/root/scan/difference.ts',
    "return 'suspect'",
    "return sameAttributes(before, now) ? 'same' : 'attributes'",
  ),
  mutation(
    'what lies across a border is removed like anything else',
    ['G6'],
    'receiver/src/disk/area/removal.ts',
    'return untouchable.stays(path, kind) || untouchable.isAcrossBorder(path)',
    'return untouchable.stays(path, kind)',
  ),
  mutation(
    'a target that was replaced is not noticed',
    ['G1', 'G4', 'G6', 'G9'],
    'receiver/src/disk/target.ts',
    'if (status?.ino !== ino || status.dev !== dev) throw',
    'if (status === undefined) throw',
  ),
  mutation(
    'what a first join replaces is not kept',
    ['G6'],
    'receiver/src/disk/commit/burst.ts',
    'if (isKept && isStaged()) yield* trash.keep(location, operation.path)',
    '',
  ),
  mutation(
    'what a first join left out is replaced without a copy',
    ['G6'],
    'receiver/src/disk/commit/burst.ts',
    ' || isForeign(path)',
    '',
    475,
  ),
  mutation(
    'the trash is emptied at once',
    ['G6'],
    'receiver/src/disk/area/trash.ts',
    'if (this.#limits.keepDays === 0) this.#doom(name, batches)',
    'this.#doom(name, batches)',
  ),
  mutation(
    'after a new index what is extraneous goes by itself',
    ['G6'],
    'receiver/src/disk/session.ts',
    "return known !== epoch && extraneous === 'report' ? NEW_INDEX : WHOLE_TARGET",
    'return WHOLE_TARGET',
  ),
  mutation(
    'durable is said without a sync',
    ['G1', 'G4', 'G9'],
    'receiver/src/disk/commit/durability.ts',
    'if (paths === null || !(await this.#syncEach(paths))) await this.#syncAll()',
    '',
  ),
  mutation(
    'a resync forgets what it owes',
    ['G1', 'G4', 'G9'],
    'receiver/src/disk/commit/commit.ts',
    'const record = { position, cleared, owed: [...owed, ...outcome.failed], held: outcome.held }',
    'const record = { position, cleared, owed: [], held: outcome.held }',
  ),
  mutation(
    'a symlink that points elsewhere is not the last that its scan records',
    ['G1', 'G3'],
    `${SCAN}/swaps.ts`,
    "if (kind === 'symlink' && before !== null)",
    "if (kind === 'symlink' && before === null)",
  ),
  mutation(
    'a symlink that points elsewhere does not wait for what was hinted at before',
    ['G3'],
    `${SCAN}/swap-order.ts`,
    '!isKnown || batch === this.#withheld || waiting.before.includes(batch)',
    'batch === this.#withheld',
  ),
  mutation(
    'a symlink that points elsewhere does not wait for moves that are withheld',
    ['G3'],
    `${SCAN}/scan-findings.ts`,
    'const swaps = waiting.size > 0 ? this.#swaps.none(taken) : this.#swaps.allowed(taken)',
    'const swaps = this.#swaps.allowed(taken)',
    150,
  ),
  {
    name: 'what is removed does not wait for a symlink that waits',
    caughtBy: ['G3'],
    replacements: [
      {
        file: `${SCAN}/scan-findings.ts`,
        snippet: 'if (this.#removals.size > 0 && !this.#swaps.mayAllGo(swaps)) {',
        replacement: 'if (this.#removals.size < 0) {',
      },
      { file: `${SCAN}/scan-queue.ts`, snippet: 'Date.now(), this.#swaps.withheld)', replacement: 'Date.now())' },
    ],
    from: 150,
  },
  mutation(
    'a scan records what a look that overtook it found gone',
    ['G1', 'G4', 'G9'],
    `${SCAN}/overtaking-look.ts`,
    'if (isRecorded) scanner.overtaken(hints)',
    '',
  ),
  mutation(
    'a change of any size is one round',
    ['sound'],
    `${FEED}/lockstep.ts`,
    'to: Math.min(head, this.#stood + BOUNDS.roundChanges), head',
    'to: head, head',
    195,
  ),
]
