/** The parts of the daemons' HTTP answers that tests look at. */
export interface ReceiverView {
  name: string
  root: string
  state: string
  sequence: number
  durableSequence: number
  lag: { sequences: number; seconds: number }
  owed: { count: number; paths: { path: string; code: string }[] }
  lastError: string | null
}

export interface RootView {
  name: string
  epoch: string
  sequence: number
  state: string
  reason: string | null
  entries: { files: number; directories: number; symlinks: number; bytes: number }
  watch: { backend: string; degraded: string | null }
  problems: { path: string; code: string }[]
  hold: { reason: string; by: string; overdue: boolean; pending: { changes: number } } | null
}

export interface StatusView {
  roots: RootView[]
  receivers: ReceiverView[]
}

export interface ReceiverRootView {
  phase: string
  connected: boolean
  sequence: number
  copied: number
  trash: { batches: number; bytes: number; oldestAt: string | null }
  differences: { missing: number; changed: number; extraneous: number }
  problems: { path: string; code: string }[]
  firstJoin: { right: number; missing: number; missingBytes: number; differing: number; extraneous: number } | null
}
