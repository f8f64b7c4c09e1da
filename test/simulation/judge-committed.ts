/**
 * Oracle for committed changes: G4, a commit is never claimed before it is true, and the half of G3 that says that a
 * changeset is whole.
 *
 * For every row of the agent's index up to the committed sequence, the target holds the row's state, or a state that
 * the path had later (a file that changed while it was packed is sent in its later version). Owed paths are excepted,
 * and so are paths that a listing called unsettled, until they have another sequence.
 */
import type { PathFilter } from '../../packages/protocol/src/index.ts'
import { rowsOf } from './database.ts'
import type { Inode } from './inode.ts'
import type { Machine } from './machine.ts'
import { INDEX_FILE, LEDGER_FILE, TARGET } from './places.ts'
import { ABSENT, type Look, lookOf, outside, pathsInTheWay } from './tree-look.ts'
import { Violation } from './violation.ts'
import type { Workload } from './workload.ts'

const KINDS = ['absent', 'file', 'directory', 'symlink']

interface Row {
  path: string
  sequence: number
  inode: number
  /** The file had other names: they may be names of another one by now. */
  isLinked: boolean
  /** `digest` is empty when unknown. */
  look: Look
}

/** The position in a receiver's ledger; null: none. */
export function positionOf(receiver: Machine): { epoch: string; sequence: number; durable: number } | null {
  const [state] = rowsOf(receiver, LEDGER_FILE, 'SELECT epoch, sequence, durable_sequence FROM state')
  const epoch = state?.['epoch']
  if (typeof epoch !== 'string' || state === undefined) return null
  return { epoch, sequence: Number(state['sequence']), durable: Number(state['durable_sequence']) }
}

/** Paths that a receiver knows to be wrong. */
export function owedBy(receiver: Machine): Set<string> {
  return new Set(rowsOf(receiver, LEDGER_FILE, 'SELECT path FROM owed').map((row) => String(row['path'])))
}

/** Whether the ledger knows a filesystem that is mounted there, or was. */
export function knowsVolume(receiver: Machine, path: string): boolean {
  const [row] = rowsOf(receiver, LEDGER_FILE, 'SELECT volumes FROM state')
  const text = row?.['volumes']
  const { known = {} } = typeof text === 'string' ? (JSON.parse(text) as { known?: object }) : {}
  return Object.hasOwn(known, path)
}

/** Whether the ledger records a commit in progress. */
export function isAmidBurst(receiver: Machine): boolean {
  return rowsOf(receiver, LEDGER_FILE, 'SELECT 1 FROM intent').length > 0
}

export interface Allowances {
  untouchable: PathFilter
  unsettled: ReadonlyMap<string, number>
  /** What had gone when the agent began a new index is reported, and stays. */
  keepsExtraneous: boolean
  /** Whether the path is judged at the end only: another filesystem is mounted there or above. */
  skips(path: string): boolean
}

/** @throws Violation */
export function judgeCommitted(
  agent: Machine,
  receiver: Machine,
  workload: Workload,
  { untouchable, unsettled, skips, keepsExtraneous }: Allowances,
): void {
  const position = positionOf(receiver)
  if (position === null || isAmidBurst(receiver) || position.epoch !== epochOf(agent)) return
  const owed = owedBy(receiver)
  const target = receiver.disk.find(TARGET)
  const inTheWay = target === null ? null : pathsInTheWay(target, (path, kind) => untouchable.excludes(path, kind))
  // While the staging directory is made or removed, the root's time is in the ledger.
  const isRootTimeKept = rowsOf(receiver, LEDGER_FILE, 'SELECT 1 FROM state WHERE root_time IS NOT NULL').length > 0
  // After a loss of power a directory may have the time of a burst that is lost in part, until the target has caught up.
  const areTimesLost = rowsOf(receiver, LEDGER_FILE, 'SELECT 1 FROM state WHERE after_loss = 1').length > 0
  for (const row of rowsUpTo(agent, position.sequence)) {
    if (row.path === '.' && isRootTimeKept) continue
    if (row.look === ABSENT && keepsExtraneous) continue
    if (areTimesLost && row.look.outside.startsWith('directory')) continue
    if (row.sequence <= (unsettled.get(row.path) ?? -1)) continue
    if (owed.has(row.path) || inTheWay?.has(row.path) === true) continue
    if (untouchable.excludesWithParents(row.path, 'directory') || skips(row.path)) continue
    const inode = receiver.disk.find(row.path === '.' ? TARGET : `${TARGET}/${row.path}`)
    const isLinked = inode?.kind === 'file' && (inode.linkCount > 1 || row.isLinked)
    const isOther = workload.inode(row.path) !== row.inode
    const fault = faultOf(row, inode, workload.history(row.path), { isLinked, isOther })
    if (fault !== null) {
      throw new Violation('G4', `${receiver.name} committed ${position.sequence}, but ${row.path} ${fault}`)
    }
  }
}

export function epochOf(agent: Machine): string | null {
  const value = rowsOf(agent, INDEX_FILE, "SELECT value FROM meta WHERE name = 'epoch'")[0]?.['value']
  return typeof value === 'string' ? value : null
}

/** The highest sequence of the agent's index. */
export function headOf(agent: Machine): number {
  return Number(rowsOf(agent, INDEX_FILE, "SELECT value FROM meta WHERE name = 'head'")[0]?.['value'] ?? 0)
}

function rowsUpTo(agent: Machine, sequence: number): Row[] {
  const rows = rowsOf(
    agent,
    INDEX_FILE,
    `SELECT path AS directory, entries.name, sequence, kind, mode, uid, gid, size, mtime, digest, target, inode, link
     FROM entries JOIN directories ON id = entries.directory LEFT JOIN digests USING (content)
     WHERE sequence <= ?`,
    sequence,
  )
  return rows.map((row) => {
    const kind = KINDS[Number(row['kind'])] ?? ''
    const name = String(row['name'])
    const directory = String(row['directory'])
    const path = name === '.' ? '.' : directory === '.' ? name : `${directory}/${name}`
    const sequence = Number(row['sequence'])
    const [inode, isLinked] = [Number(row['inode']), Number(row['link']) !== 0]
    if (kind === 'absent') return { path, sequence, inode, isLinked, look: ABSENT }
    const rest = kind === 'file' ? String(row['size']) : kind === 'symlink' ? String(row['target']) : ''
    const mode = kind === 'symlink' ? null : Number(row['mode'])
    const seen = outside(kind, mode, Number(row['uid']), Number(row['gid']), Number(row['mtime']), rest)
    return { path, sequence, inode, isLinked, look: { outside: seen, digest: String(row['digest'] ?? '') } }
  })
}

/**
 * A name that is to go, or to lead to another file, may have got attributes here for its other names: also when it was
 * gone and leads to the same file again.
 * @param isLinked the file here has other names, or had
 * @param isOther the name leads to another file than the row's by now
 */
function faultOf(
  row: Row,
  inode: Inode | null,
  history: readonly Look[],
  { isLinked, isOther }: { isLinked: boolean; isOther: boolean },
): string | null {
  const found = inode === null ? ABSENT : lookOf(inode)
  const first = history.findIndex(
    ({ outside: seen, digest }) => seen === row.look.outside && (row.look.digest === '' || row.look.digest === digest),
  )
  if (first < 0) return `never was what the index says: ${row.look.outside}`
  const since = history.slice(first)
  const isLeft = isLinked && (isOther || since.includes(ABSENT))
  const isKnown = since.some(
    ({ outside: seen, digest }) => digest === found.digest && (isLeft || seen === found.outside),
  )
  return isKnown ? null : `is ${found.outside}, should be ${row.look.outside} or later`
}
